-- lock_running_steps: the running steps of instances, kept from every other writer until the
--     commit, as they are when chunks under way have committed.
-- takes instance_ids int8[]
-- returns id int8, instance_id int8, run_id int8, manager_id int8, first_id int8, name text, visit
--     int4, state text, exit_code text, exit_message text, reads int8, writes int8, filters int8,
--     commits int8, rollbacks int8, read_skips int8, process_skips int8, write_skips int8, retries
--     int8, cursor_value text, context text, plan text, expected int8, started_at timestamptz,
--     committed_at timestamptz, ended_at timestamptz
-- index batch_step_running_key
-- lock for no key update, in the order of ids; it waits two seconds at most for each, and so does
--     the rest of the transaction
with bounded as materialized (
    select set_config('lock_timeout', '2s', true)
)
select
    step.id, step.instance_id, step.run_id, step.manager_id, step.first_id, step.name, step.visit,
    step.state, step.exit_code,
    step.exit_message, step.reads, step.writes, step.filters, step.commits, step.rollbacks,
    step.read_skips,
    step.process_skips, step.write_skips, step.retries, step.cursor_value::text as cursor_value,
    step.context::text as context, step.plan::text as plan, step.expected, step.started_at,
    step.committed_at,
    step.ended_at
from bounded
cross join callboard.batch_step as step
where step.instance_id = any($1::int8[])
    and step.state = 'running'
order by step.id
for no key update of step;
