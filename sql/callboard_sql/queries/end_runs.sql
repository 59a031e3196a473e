-- end_runs: end live runs that still have the given epoch and are of the given claim: they leave
--     the live runs for the history.
-- takes ids int8[], epochs int8[] (NULL: held by nobody), started_ats timestamptz[] (of the claims;
--     NULL: of whichever), states text[], results text[], errors text[], ended_ats timestamptz[]
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz, terms text
-- index live_run_pkey. The limit keeps the planner from starting with live_run, which it may
--     think empty
-- lock the runs, in the given order; whoever comes second finds nothing to end
with ending as materialized (
    select
        run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
        run.attempt, run.previous_run_id, run.chain_id, run.arguments, run.progress, run.node,
        run.epoch, run.crashes, run.unique_key, run.stop_mode, run.stop_grace_s, run.trace_id,
        run.created_at, run.due_at, run.started_at, run.terms,
        given.state, given.result::jsonb as result, given.error::jsonb as error, given.ended_at
    from unnest(
        $1::int8[], $2::int8[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
        $7::timestamptz[]
    ) as given (id, epoch, started_at, state, result, error, ended_at)
    cross join lateral (
        select
            live.id, live.job, live.group_name, live.job_id, live.trigger, live.trigger_id,
            live.slot, live.attempt, live.previous_run_id, live.chain_id, live.arguments,
            live.progress, live.node, live.epoch, live.crashes, live.unique_key,
            live.stop_mode, live.stop_grace_s, live.trace_id, live.created_at, live.due_at,
            live.started_at, live.terms
        from callboard.live_run as live
        where live.id = given.id
            and live.epoch is not distinct from given.epoch
            and (given.started_at is null or live.started_at = given.started_at)
            and (
                given.state = 'stopped'
                or given.state = 'failed'
                and live.state in ('queued', 'running', 'stopping', 'lost')
                or given.state = 'succeeded' and live.state in ('running', 'stopping')
                or given.state = 'timed_out' and live.state in ('queued', 'running', 'stopping')
            )
        limit 1
        for update of live
    ) as run
),
gone as (
    delete from callboard.live_run
    where id = any(array(select ending.id from ending))
)
insert into callboard.ended_run (
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, result, error, progress, node, epoch, crashes, unique_key, stop_mode,
    stop_grace_s, trace_id, created_at, due_at, started_at, ended_at, terms
)
select
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, result, error, progress, node, epoch, crashes, unique_key, stop_mode,
    stop_grace_s, trace_id, created_at, due_at, started_at, ended_at, terms
from ending
returning
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments::text as arguments, result::text as result, error::text as error,
    progress::text as progress, node, epoch, crashes, unique_key, stop_mode, stop_grace_s,
    trace_id, created_at, due_at, started_at, ended_at, terms::text as terms;
