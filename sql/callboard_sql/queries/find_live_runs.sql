-- find_live_runs: live runs by job and unique key.
-- takes job_ids int8[], unique_keys text[] (pairs)
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz, terms text
-- index live_run_unique_idx
-- lock none. The limit keeps the planner from starting with live_run, which it may think empty
select
    run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
    run.state, run.attempt, run.previous_run_id, run.chain_id,
    run.arguments::text as arguments, null::text as result, run.error::text as error,
    run.progress::text as progress, run.node, run.epoch, run.crashes, run.unique_key,
    run.stop_mode, run.stop_grace_s, run.trace_id, run.created_at, run.due_at, run.started_at,
    null::timestamptz as ended_at, run.terms::text as terms
from unnest($1::int8[], $2::text[]) as wanted (job_id, unique_key)
cross join lateral (
    select
        live.id, live.job, live.group_name, live.job_id, live.trigger, live.trigger_id,
        live.slot, live.state, live.attempt, live.previous_run_id, live.chain_id,
        live.arguments, live.error, live.progress, live.node, live.epoch, live.crashes,
        live.unique_key, live.stop_mode, live.stop_grace_s, live.trace_id, live.created_at,
        live.due_at, live.started_at, live.terms
    from callboard.live_run as live
    where live.job_id = wanted.job_id
        and live.unique_key = wanted.unique_key
        and live.unique_key is not null
    limit 1
) as run;
