-- list_batch_outline: of each step of an instance its last execution, and all that run, partitions
--     among these; by id. It jumps from name to name, past partitions and earlier executions.
-- takes instance_id int8
-- returns id int8, instance_id int8, run_id int8, manager_id int8, first_id int8, name text, visit
--     int4, state text, exit_code text, exit_message text, reads int8, writes int8, filters int8,
--     commits int8, rollbacks int8, read_skips int8, process_skips int8, write_skips int8, retries
--     int8, cursor_value text, context text, plan text, expected int8, started_at timestamptz,
--     committed_at timestamptz, ended_at timestamptz
-- index batch_step_name_idx, batch_step_running_key, batch_step_pkey
with recursive named as (
    (
        select step.name
        from callboard.batch_step as step
        where step.instance_id = $1
        order by step.name
        limit 1
    )
    union all
    select later.name
    from named
    cross join lateral (
        select step.name
        from callboard.batch_step as step
        where step.instance_id = $1
            -- a partition is called step:partition, and chr(59) comes right behind the colon.
            and step.name >= case
                when strpos(named.name, ':') > 0 then split_part(named.name, ':', 1) || chr(59)
                else named.name || chr(1)
            end
        order by step.name
        limit 1
    ) as later
)
select
    id, instance_id, run_id, manager_id, first_id, name, visit, state, exit_code,
    exit_message, reads, writes, filters, commits, rollbacks, read_skips,
    process_skips, write_skips, retries, cursor_value::text as cursor_value,
    context::text as context, plan::text as plan, expected, started_at, committed_at,
    ended_at
from callboard.batch_step
where id = any(
    array(
        select last.id
        from named
        cross join lateral (
            select step.id
            from callboard.batch_step as step
            where step.instance_id = $1
                and step.name = named.name
            order by step.id desc
            limit 1
        ) as last
        where strpos(named.name, ':') = 0
        union
        select running.id
        from callboard.batch_step as running
        where running.instance_id = $1
            and running.state = 'running'
    )
)
order by id;
