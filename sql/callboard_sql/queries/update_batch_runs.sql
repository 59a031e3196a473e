-- update_batch_runs: write what becomes of batch runs whose instances the caller has locked, a
--     hundred at most.
-- takes run_ids int8[], contexts text[], exit_codes text[], exit_messages text[], definitions
--     text[], begun_ats timestamptz[], recovered_ats timestamptz[], recoveries text[]
-- returns nothing
-- index batch_run_pkey
update callboard.batch_run as run
set
    context = new.context::jsonb,
    exit_code = new.exit_code,
    exit_message = new.exit_message,
    definition = new.definition::jsonb,
    begun_at = new.begun_at,
    recovered_at = new.recovered_at,
    recovery = new.recovery
from unnest(
    $1::int8[], $2::text[], $3::text[], $4::text[], $5::text[],
    $6::timestamptz[], $7::timestamptz[], $8::text[]
) as new (
    run_id, context, exit_code, exit_message, definition,
    begun_at, recovered_at, recovery
)
where run.run_id = new.run_id
    and run.run_id = any($1);
