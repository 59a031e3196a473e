-- claim_runs: give due runs to a node, oldest due first, unless a job with a limit has due runs
--     too.
-- takes epoch int8, limit int8, now timestamptz (NULL: the database's clock)
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz, terms text, is_limited
--     bool (due runs of jobs with a limit wait: nothing was claimed, claim_limited_runs must);
--     always at least one row, its run NULL when nothing was claimed
-- index live_run_free_idx (due_at, id) where state = 'queued' and not limited,
--     live_run_limited_due_idx, live_run_pkey
-- lock the runs; those that others hold are passed over
with holder as materialized (
    select node.name, node.epoch, coalesce($3::timestamptz, now()) as now
    from callboard.node
    where node.epoch = $1
        and node.lease_until > coalesce($3::timestamptz, now())
),
waiting as materialized (
    select coalesce(min(run.due_at) <= coalesce($3::timestamptz, now()), false) as is_limited
    from callboard.live_run as run
    where run.state = 'queued'
        and run.limited
        and run.id > 0
),
chosen as materialized (
    select run.id
    from callboard.live_run as run
    where run.state = 'queued'
        and not run.limited
        and run.due_at <= coalesce($3::timestamptz, now())
        and exists (select from holder)
        and not (select waiting.is_limited from waiting)
    order by run.due_at, run.id
    limit $2::int8
    for update of run skip locked
),
claimed as (
    update callboard.live_run as run
    set
        state = 'running',
        node = holder.name,
        epoch = holder.epoch,
        started_at = holder.now
    from holder
    where run.id = any(array(select chosen.id from chosen))
    returning
        run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
        run.state, run.attempt, run.previous_run_id, run.chain_id,
        run.arguments::text as arguments, null::text as result, run.error::text as error,
        run.progress::text as progress, run.node, run.epoch, run.crashes, run.unique_key,
        run.stop_mode, run.stop_grace_s, run.trace_id, run.created_at, run.due_at,
        run.started_at, null::timestamptz as ended_at, run.terms::text as terms
)
select
    claimed.id, claimed.job, claimed.group_name, claimed.job_id, claimed.trigger,
    claimed.trigger_id, claimed.slot, claimed.state, claimed.attempt, claimed.previous_run_id,
    claimed.chain_id, claimed.arguments, claimed.result, claimed.error, claimed.progress,
    claimed.node, claimed.epoch, claimed.crashes, claimed.unique_key, claimed.stop_mode,
    claimed.stop_grace_s, claimed.trace_id, claimed.created_at, claimed.due_at,
    claimed.started_at, claimed.ended_at, claimed.terms,
    waiting.is_limited
from waiting
left join claimed on true
order by claimed.due_at, claimed.id;
