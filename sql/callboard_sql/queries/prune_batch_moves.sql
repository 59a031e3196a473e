-- prune_batch_moves: remove the moves of instances that were closed long ago and have no steps any
--     more, and what their runs kept to go on with; a hundred instances at most, which are not
--     looked at again.
-- takes before timestamptz, limit int8
-- returns batch_moves int8
-- index batch_instance_closed_idx, batch_step_name_idx, batch_move_pkey, batch_instance_pkey,
--     batch_run_instance_idx
with closed as materialized (
    select id
    from callboard.batch_instance
    where state in ('succeeded', 'abandoned')
        and pruned_at is null
        and ended_at < $1
    order by ended_at
    limit least($2::int8, 100)
), bare as (
    update callboard.batch_instance
    set pruned_at = now()
    where id = any(
        array(
            select closed.id
            from closed
            where not exists (
                select
                from callboard.batch_step as step
                where step.instance_id = closed.id
                offset 0
            )
        )
    )
    returning id
), emptied as (
    update callboard.batch_run as run
    set
        context = '{}',
        definition = '{}'
    from bare
    where run.instance_id = bare.id
), gone as (
    delete from callboard.batch_move as move
    using bare
    where move.instance_id = bare.id
    returning move.node
)
select count(*) as batch_moves
from gone;
