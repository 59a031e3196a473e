-- end_runs: end live runs that still have the given epoch: they leave the live runs for the
--     history.
-- takes ids int8[], epochs int8[] (NULL: held by nobody), states text[], results text[], errors
--     text[], ended_ats timestamptz[]
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz
-- index live_run_pkey
-- lock the runs; whoever comes second finds nothing to end
with moved as (
    delete from callboard.live_run as run
    using unnest(
        $1::int8[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::timestamptz[]
    ) as ending (id, epoch, state, result, error, ended_at)
    where run.id = ending.id
        and run.epoch is not distinct from ending.epoch
        and (
            ending.state = 'stopped'
            or ending.state = 'failed' and run.state in ('running', 'stopping', 'lost')
            or ending.state in ('succeeded', 'timed_out') and run.state in ('running', 'stopping')
        )
    returning
        run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
        run.attempt, run.previous_run_id, run.chain_id, run.arguments, run.progress, run.node,
        run.epoch, run.crashes, run.unique_key, run.stop_mode, run.stop_grace_s, run.trace_id,
        run.created_at, run.due_at, run.started_at,
        ending.state, ending.result::jsonb as result, ending.error::jsonb as error,
        ending.ended_at
)
insert into callboard.ended_run (
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, result, error, progress, node, epoch, crashes, unique_key, stop_mode,
    stop_grace_s, trace_id, created_at, due_at, started_at, ended_at
)
select
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, result, error, progress, node, epoch, crashes, unique_key, stop_mode,
    stop_grace_s, trace_id, created_at, due_at, started_at, ended_at
from moved
returning
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments::text as arguments, result::text as result, error::text as error,
    progress::text as progress, node, epoch, crashes, unique_key, stop_mode, stop_grace_s,
    trace_id, created_at, due_at, started_at, ended_at;
