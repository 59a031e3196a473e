-- prune_batch_skips: remove skipped items of instances that were closed long ago.
-- takes before timestamptz, limit int8
-- returns batch_skips int8
-- index batch_instance_closed_idx, batch_step_name_idx, batch_skip_step_idx, batch_skip_pkey
with closed as materialized (
    select id
    from callboard.batch_instance
    where state in ('succeeded', 'abandoned')
        and pruned_at is null
        and ended_at < $1
    order by ended_at
    limit 100
), gone as (
    delete from callboard.batch_skip
    where id = any(
        array(
            select skip.id
            from closed
            cross join lateral (
                select step.id
                from callboard.batch_step as step
                where step.instance_id = closed.id
                offset 0
            ) as step
            cross join lateral (
                select old.id
                from callboard.batch_skip as old
                where old.step_id = step.id
                limit $2::int8
            ) as skip
            limit $2::int8
        )
    )
    returning id
)
select count(*) as batch_skips
from gone;
