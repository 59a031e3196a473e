-- prune_batch_steps: remove step executions of instances that were closed long ago, those that
--     have no skipped items any more.
-- takes before timestamptz, limit int8
-- returns batch_steps int8
-- index batch_instance_closed_idx, batch_step_name_idx, batch_skip_step_idx, batch_step_pkey
with closed as materialized (
    select id
    from callboard.batch_instance
    where state in ('succeeded', 'abandoned')
        and pruned_at is null
        and ended_at < $1
    order by ended_at
    limit 100
), gone as (
    delete from callboard.batch_step
    where id = any(
        array(
            select step.id
            from closed
            cross join lateral (
                select old.id
                from callboard.batch_step as old
                where old.instance_id = closed.id
                    and not exists (
                        select
                        from callboard.batch_skip as skip
                        where skip.step_id = old.id
                        offset 0
                    )
                limit $2::int8
            ) as step
            limit $2::int8
        )
    )
    returning id
)
select count(*) as batch_steps
from gone;
