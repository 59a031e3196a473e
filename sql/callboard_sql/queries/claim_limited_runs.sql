-- claim_limited_runs: give due runs to a node, oldest due first, those of jobs with a limit up to
--     the limit.
-- takes epoch int8, limit int8, now timestamptz (NULL: the database's clock), job_ids int8[]
--     (jobs with a limit that this transaction has locked)
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz, terms text
-- index live_run_free_idx, live_run_limited_idx (job_id, due_at, id) where state = 'queued' and
--     limited, live_run_slot_idx, live_run_pkey
-- lock needs lock_limited_jobs in a statement before: the counts are taken after it
with holder as materialized (
    select node.name, node.epoch, coalesce($3::timestamptz, now()) as now
    from callboard.node
    where node.epoch = $1
        and node.lease_until > coalesce($3::timestamptz, now())
),
room as materialized (
    select
        job.id,
        coalesce(job.max_concurrent_runs, 2147483647) - (
            select count(*)
            from callboard.live_run as held
            where held.state in ('running', 'stopping')
                and held.limited
                and held.job_id = job.id
        ) as free
    from callboard.job
    where job.id = any($4::int8[])
),
free_run as materialized (
    select run.id, run.due_at
    from callboard.live_run as run
    where run.state = 'queued'
        and not run.limited
        and run.due_at <= coalesce($3::timestamptz, now())
        and exists (select from holder)
    order by run.due_at, run.id
    limit $2::int8
    for update of run skip locked
),
limited_run as materialized (
    select run.id, run.due_at
    from room
    cross join lateral (
        select queued.id, queued.due_at
        from callboard.live_run as queued
        where queued.state = 'queued'
            and queued.limited
            and queued.job_id = room.id
            and queued.due_at <= coalesce($3::timestamptz, now())
            and exists (select from holder)
        order by queued.due_at, queued.id
        limit greatest(0, least(room.free, $2::int8))
        for update of queued skip locked
    ) as run
),
chosen as materialized (
    select id
    from (
        select id, due_at
        from free_run
        union all
        select id, due_at
        from limited_run
    ) as candidate
    order by due_at, id
    limit $2::int8
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
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, result, error, progress, node, epoch, crashes, unique_key, stop_mode,
    stop_grace_s, trace_id, created_at, due_at, started_at, ended_at, terms
from claimed
order by due_at, id;
