-- lock_lanes: find the lanes of limited runs that a claim may take from, those whose first run is
--     first in line, and lock the jobs and queues that limit them.
-- takes limit int8 (of the claim), now timestamptz (NULL: the database's clock)
-- returns job_id int8, queue text, concurrency_key text, priority int4, job_rate_runs int4,
--     job_rate_per_s float8, queue_id int8 (NULL: none that limits), queue_rate_runs int4,
--     queue_rate_per_s float8
-- index live_run_lane_idx (walked from lane to lane; where a job or a queue is full, over all of
--     its lanes at once), live_run_slot_idx, live_run_queue_slot_idx, job_pkey, queue_name_key,
--     rate_window_pkey
-- lock jobs, then queues, each by id, for no key update; those that others hold are passed over:
--     whoever has one is the only one to claim runs of it until the commit
with recursive line as (
    (
        select run.job_id, run.queue
        from callboard.live_run as run
        where run.state = 'queued'
            and run.limited
        order by
            run.job_id, run.queue, run.concurrency_key, run.priority, run.due_at, run.id
        limit 1
    )
    union all
    select further.job_id, further.queue
    from line
    cross join lateral (
        select run.job_id, run.queue
        from callboard.live_run as run
        where run.state = 'queued'
            and run.limited
            and (run.job_id, run.queue) > (line.job_id, line.queue)
        order by
            run.job_id, run.queue, run.concurrency_key, run.priority, run.due_at, run.id
        limit 1
    ) as further
),
open_line as materialized (
    select
        line.job_id, line.queue, job.limited, job.key_runs, job.rate_runs, job.rate_per_s,
        case when shared.limited then shared.id end as queue_id,
        shared.rate_runs as queue_rate_runs, shared.rate_per_s as queue_rate_per_s
    from line
    cross join lateral (
        select
            job.group_name, job.limited, job.max_concurrent_runs,
            (job.rules #>> '{concurrency,max_runs}')::int4 as key_runs,
            (job.rules #>> '{rate_limit,runs}')::int4 as rate_runs,
            (job.rules #>> '{rate_limit,per_s}')::float8 as rate_per_s
        from callboard.job
        where job.id = line.job_id
        limit 1
    ) as job
    left join lateral (
        select
            queue.id, queue.capacity, queue.paused, queue.rate_runs, queue.rate_per_s,
            queue.capacity is not null or queue.rate_runs is not null as limited
        from callboard.queue
        where queue.group_name = job.group_name
            and queue.name = line.queue
        limit 1
    ) as shared on true
    where not coalesce(shared.paused, false)
        and (
            job.max_concurrent_runs is null
            or job.max_concurrent_runs > (
                select count(*)
                from callboard.live_run as held
                where held.state in ('running', 'stopping')
                    and held.limited
                    and held.job_id = line.job_id
            )
        )
        and (
            shared.capacity is null
            or shared.capacity > (
                select count(*)
                from callboard.live_run as held
                where held.state in ('running', 'stopping')
                    and held.limited
                    and held.queue > ''
                    and held.group_name = job.group_name
                    and held.queue = line.queue
            )
        )
        and (
            job.rate_runs is null
            or job.rate_runs > (
                select coalesce(sum((mark.value ->> 1)::int8), 0)
                from callboard.rate_window as lately
                cross join jsonb_array_elements(lately.marks) as mark (value)
                where lately.name = 'job:' || line.job_id
                    and (mark.value ->> 0)::float8 / 1000000 + job.rate_per_s
                    > extract(epoch from coalesce($2::timestamptz, now()))::float8
            )
        )
        and (
            shared.rate_runs is null
            or shared.rate_runs > (
                select coalesce(sum((mark.value ->> 1)::int8), 0)
                from callboard.rate_window as lately
                cross join jsonb_array_elements(lately.marks) as mark (value)
                where lately.name = 'queue:' || shared.id
                    and (mark.value ->> 0)::float8 / 1000000 + shared.rate_per_s
                    > extract(epoch from coalesce($2::timestamptz, now()))::float8
            )
        )
),
lane as materialized (
    select
        open_line.job_id, open_line.queue, first.concurrency_key, first.priority,
        open_line.limited, open_line.rate_runs, open_line.rate_per_s, open_line.queue_id,
        open_line.queue_rate_runs, open_line.queue_rate_per_s,
        first.due_at - first.priority * interval '60 seconds' as place
    from open_line
    cross join lateral (
        with recursive step as (
            (
                select run.concurrency_key, run.priority, run.due_at
                from callboard.live_run as run
                where run.state = 'queued'
                    and run.limited
                    and run.job_id = open_line.job_id
                    and run.queue = open_line.queue
                    and coalesce(run.wait_until > coalesce($2::timestamptz, now()), true)
                order by run.concurrency_key, run.priority, run.due_at, run.id
                limit 1
            )
            union all
            select further.concurrency_key, further.priority, further.due_at
            from step
            cross join lateral (
                select run.concurrency_key, run.priority, run.due_at
                from callboard.live_run as run
                where run.state = 'queued'
                    and run.limited
                    and run.job_id = open_line.job_id
                    and run.queue = open_line.queue
                    and (run.concurrency_key, run.priority) > (step.concurrency_key, step.priority)
                    and coalesce(run.wait_until > coalesce($2::timestamptz, now()), true)
                order by run.concurrency_key, run.priority, run.due_at, run.id
                limit 1
            ) as further
        )
        select step.concurrency_key, step.priority, step.due_at
        from step
    ) as first
    where first.due_at <= coalesce($2::timestamptz, now())
        and (
            open_line.key_runs is null
            or first.concurrency_key = ''
            or open_line.key_runs > (
                select count(*)
                from callboard.live_run as held
                where held.state in ('running', 'stopping')
                    and held.limited
                    and held.job_id = open_line.job_id
                    and held.concurrency_key = first.concurrency_key
            )
        )
    order by place
    limit $1::int8
),
locked_job as materialized (
    select job.id
    from callboard.job
    where job.id = any(array(select lane.job_id from lane where lane.limited))
    order by job.id
    for no key update of job skip locked
),
locked_queue as materialized (
    select queue.id
    from callboard.queue
    where queue.id = any(array(select lane.queue_id from lane))
    order by queue.id
    for no key update of queue skip locked
)
select
    lane.job_id, lane.queue, lane.concurrency_key, lane.priority,
    lane.rate_runs as job_rate_runs, lane.rate_per_s as job_rate_per_s, lane.queue_id,
    lane.queue_rate_runs, lane.queue_rate_per_s
from lane
where (not lane.limited or lane.job_id in (select locked_job.id from locked_job))
    and (lane.queue_id is null or lane.queue_id in (select locked_queue.id from locked_queue))
order by lane.place;
