-- read_waiting_rates: the rates under which limited runs that wait begin, and what they have let in
--     lately.
-- takes now timestamptz (NULL: the database's clock)
-- returns runs int4, per_s float8, marks text, now timestamptz
-- index live_run_lane_idx (walked from job to job, and from queue to queue), job_pkey,
--     queue_name_key, rate_window_pkey
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
rate as materialized (
    select
        'job:' || line.job_id as name,
        (job.rules #>> '{rate_limit,runs}')::int4 as runs,
        (job.rules #>> '{rate_limit,per_s}')::float8 as per_s
    from line
    cross join lateral (
        select job.rules
        from callboard.job
        where job.id = line.job_id
            and job.rules ? 'rate_limit'
        limit 1
    ) as job
    union
    select 'queue:' || shared.id, shared.rate_runs, shared.rate_per_s
    from line
    cross join lateral (
        select job.group_name
        from callboard.job
        where job.id = line.job_id
        limit 1
    ) as job
    cross join lateral (
        select queue.id, queue.rate_runs, queue.rate_per_s
        from callboard.queue
        where queue.group_name = job.group_name
            and queue.name = line.queue
            and queue.rate_runs is not null
        limit 1
    ) as shared
)
select
    rate.runs, rate.per_s, lately.marks::text as marks, coalesce($1::timestamptz, now()) as now
from rate
cross join lateral (
    select present.marks
    from callboard.rate_window as present
    where present.name = rate.name
    limit 1
) as lately;
