-- claim_limited_runs: give due runs to a node, first in line first, those of the given lanes as
--     far as there is room for them.
-- takes epoch int8, limit int8, now timestamptz (NULL: the database's clock), job_ids int8[],
--     queues text[], concurrency_keys text[], priorities int4[], job_rooms int4[] (by its rate;
--     NULL: any), queue_ids int8[] (NULL: none that limits), queue_rooms int4[]; lanes, in the
--     order of lock_lanes
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz, terms text
-- index live_run_free_idx, live_run_lane_idx, live_run_slot_idx, live_run_queue_slot_idx,
--     job_pkey, queue_pkey, live_run_pkey
-- lock needs lock_lanes in a statement before: the counts are taken after it
with holder as materialized (
    select node.name, node.epoch, coalesce($3::timestamptz, now()) as now
    from callboard.node
    where node.epoch = $1
        and node.lease_until > coalesce($3::timestamptz, now())
),
job_room as materialized (
    select
        job.id,
        (job.rules #>> '{concurrency,max_runs}')::int4 as key_runs,
        job.max_concurrent_runs - case
            when job.max_concurrent_runs is not null
            then (
                select count(*)
                from callboard.live_run as held
                where held.state in ('running', 'stopping')
                    and held.limited
                    and held.job_id = job.id
            )
        end as free
    from callboard.job
    where job.id = any($4::int8[])
),
queue_room as materialized (
    select
        queue.id,
        case when queue.paused then 0 else queue.capacity - (
            select count(*)
            from callboard.live_run as held
            where held.state in ('running', 'stopping')
                and held.limited
                and held.queue > ''
                and held.group_name = queue.group_name
                and held.queue = queue.name
        ) end as free
    from callboard.queue
    where queue.id = any($9::int8[])
),
lane as materialized (
    select
        given.place, given.job_id, given.queue, given.concurrency_key, given.priority,
        given.queue_id,
        coalesce(least(job_room.free, given.job_room), 2147483647) as of_job,
        coalesce(
            job_room.key_runs - case
                when job_room.key_runs is not null and given.concurrency_key > ''
                then (
                    select count(*)
                    from callboard.live_run as held
                    where held.state in ('running', 'stopping')
                        and held.limited
                        and held.job_id = given.job_id
                        and held.concurrency_key = given.concurrency_key
                )
            end,
            2147483647
        ) as of_key,
        coalesce(least(queue_room.free, given.queue_room), 2147483647) as of_queue
    from unnest(
            $4::int8[], $5::text[], $6::text[], $7::int4[], $8::int4[], $9::int8[], $10::int4[]
        ) with ordinality as given (
            job_id, queue, concurrency_key, priority, job_room, queue_id, queue_room, place
        )
    join job_room on job_room.id = given.job_id
    left join queue_room on queue_room.id = given.queue_id
),
candidate as materialized (
    select
        lane.place, lane.job_id, lane.concurrency_key, lane.queue_id, lane.of_job, lane.of_key,
        lane.of_queue, run.id, run.due_at - lane.priority * interval '60 seconds' as rank
    from lane
    cross join lateral (
        select queued.id, queued.due_at
        from callboard.live_run as queued
        where queued.state = 'queued'
            and queued.limited
            and queued.job_id = lane.job_id
            and queued.queue = lane.queue
            and queued.concurrency_key = lane.concurrency_key
            and queued.priority = lane.priority
            and queued.due_at <= coalesce($3::timestamptz, now())
            and coalesce(queued.wait_until > coalesce($3::timestamptz, now()), true)
            and exists (select from holder)
        order by queued.due_at, queued.id
        limit greatest(0, least(lane.of_job, lane.of_key, lane.of_queue, $2::int8))
    ) as run
),
of_key as materialized (
    select
        place, job_id, queue_id, of_job, of_queue, id, rank,
        of_key >= row_number() over (partition by job_id, concurrency_key order by rank, id)
            as has_room
    from candidate
),
of_job as materialized (
    select
        place, queue_id, of_queue, id, rank,
        of_job >= row_number() over (partition by job_id order by rank, id) as has_room
    from of_key
    where has_room
),
of_queue as materialized (
    select
        place, id, rank,
        of_queue >= row_number() over (partition by queue_id order by rank, id) as has_room
    from of_job
    where has_room
),
turn as materialized (
    select first.place, count(*) as runs
    from (
        select place, id, rank
        from of_queue
        where has_room
        union all
        (
            select 0, run.id, run.due_at
            from callboard.live_run as run
            where run.state = 'queued'
                and not run.limited
                and run.due_at <= coalesce($3::timestamptz, now())
                and exists (select from holder)
            order by run.due_at, run.id
            limit $2::int8
        )
        order by rank, id
        limit $2::int8
    ) as first
    group by first.place
),
free_run as materialized (
    select run.id
    from callboard.live_run as run
    where run.state = 'queued'
        and not run.limited
        and run.due_at <= coalesce($3::timestamptz, now())
    order by run.due_at, run.id
    limit coalesce((select turn.runs from turn where turn.place = 0), 0)
    for update of run skip locked
),
limited_run as materialized (
    select run.id
    from turn
    join lane on lane.place = turn.place
    cross join lateral (
        select queued.id
        from callboard.live_run as queued
        where queued.state = 'queued'
            and queued.limited
            and queued.job_id = lane.job_id
            and queued.queue = lane.queue
            and queued.concurrency_key = lane.concurrency_key
            and queued.priority = lane.priority
            and queued.due_at <= coalesce($3::timestamptz, now())
            and coalesce(queued.wait_until > coalesce($3::timestamptz, now()), true)
        order by queued.due_at, queued.id
        limit turn.runs
        for update of queued skip locked
    ) as run
),
chosen as materialized (
    select id
    from free_run
    union all
    select id
    from limited_run
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
        run.started_at, null::timestamptz as ended_at, run.terms::text as terms,
        run.due_at - run.priority * interval '60 seconds' as rank
)
select
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, result, error, progress, node, epoch, crashes, unique_key, stop_mode,
    stop_grace_s, trace_id, created_at, due_at, started_at, ended_at, terms
from claimed
order by rank, id;
