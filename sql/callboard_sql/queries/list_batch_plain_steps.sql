-- list_batch_plain_steps: a page of the step executions of an instance, without partitions, by id.
-- takes instance_id int8, after int8 (id of the last one of the page before), limit int8
-- returns id int8, instance_id int8, run_id int8, manager_id int8, first_id int8, name text, visit
--     int4, state text, exit_code text, exit_message text, reads int8, writes int8, filters int8,
--     commits int8, rollbacks int8, read_skips int8, process_skips int8, write_skips int8, retries
--     int8, cursor_value text, context text, plan text, expected int8, started_at timestamptz,
--     committed_at timestamptz, ended_at timestamptz
-- index batch_step_plain_idx
select
    id, instance_id, run_id, manager_id, first_id, name, visit, state, exit_code,
    exit_message, reads, writes, filters, commits, rollbacks, read_skips,
    process_skips, write_skips, retries, cursor_value::text as cursor_value,
    context::text as context, plan::text as plan, expected, started_at, committed_at,
    ended_at
from callboard.batch_step
where instance_id = $1
    and manager_id is null
    and id > $2
order by id
limit $3::int8;
