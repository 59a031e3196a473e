-- get_runs: live and ended runs by id.
-- takes ids int8[]
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz, terms text
-- index live_run_pkey, ended_run_pkey
select
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments::text as arguments, result::text as result, error::text as error,
    progress::text as progress, node, epoch, crashes, unique_key, stop_mode, stop_grace_s,
    trace_id, created_at, due_at, started_at, ended_at, terms::text as terms
from callboard.run
where id = any($1::int8[]);
