-- update_batch_steps: write what becomes of step executions that the caller has locked, a hundred
--     at most.
-- takes ids int8[], states text[], exit_codes text[], exit_messages text[], reads int8[], writes
--     int8[], filters int8[], commits int8[], rollbacks int8[], read_skips int8[], process_skips
--     int8[], write_skips int8[], retries int8[], cursor_values text[], contexts text[], plans
--     text[], expected int8[], ended_ats timestamptz[]
-- returns nothing
-- index batch_step_pkey
update callboard.batch_step as step
set
    state = new.state,
    exit_code = new.exit_code,
    exit_message = new.exit_message,
    reads = new.reads,
    writes = new.writes,
    filters = new.filters,
    commits = new.commits,
    rollbacks = new.rollbacks,
    read_skips = new.read_skips,
    process_skips = new.process_skips,
    write_skips = new.write_skips,
    retries = new.retries,
    cursor_value = new.cursor_value::jsonb,
    context = new.context::jsonb,
    plan = new.plan::jsonb,
    expected = new.expected,
    ended_at = new.ended_at
from unnest(
    $1::int8[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::int8[],
    $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::int8[],
    $13::int8[], $14::text[], $15::text[], $16::text[], $17::int8[], $18::timestamptz[]
) as new (
    id, state, exit_code, exit_message, reads, writes,
    filters, commits, rollbacks, read_skips, process_skips, write_skips,
    retries, cursor_value, context, plan, expected, ended_at
)
where step.id = new.id
    and step.id = any($1);
