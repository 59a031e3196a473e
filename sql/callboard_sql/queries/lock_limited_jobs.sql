-- lock_limited_jobs: lock the jobs with a limit that have due runs and room for one more.
-- takes now timestamptz (NULL: the database's clock)
-- returns id int8
-- index live_run_limited_idx (walked from job to job), live_run_slot_idx
-- lock for no key update, those that others hold passed over: whoever has it is the only one to
--     claim runs of the job until the commit
with recursive waiting as (
    (
        select run.job_id
        from callboard.live_run as run
        where run.state = 'queued'
            and run.limited
        order by run.job_id, run.due_at, run.id
        limit 1
    )
    union all
    select (
        select run.job_id
        from callboard.live_run as run
        where run.state = 'queued'
            and run.limited
            and run.job_id > waiting.job_id
        order by run.job_id, run.due_at, run.id
        limit 1
    )
    from waiting
    where waiting.job_id is not null
),
open as materialized (
    select waiting.job_id
    from waiting
    cross join lateral (
        select job.max_concurrent_runs
        from callboard.job
        where job.id = waiting.job_id
        limit 1
    ) as job
    where (
            select run.due_at
            from callboard.live_run as run
            where run.state = 'queued'
                and run.limited
                and run.job_id = waiting.job_id
            order by run.due_at, run.id
            limit 1
        ) <= coalesce($1::timestamptz, now())
        and coalesce(job.max_concurrent_runs, 2147483647) > (
            select count(*)
            from callboard.live_run as held
            where held.state in ('running', 'stopping')
                and held.limited
                and held.job_id = waiting.job_id
        )
)
select job.id
from callboard.job
where job.id = any(array(select open.job_id from open))
order by job.id
for no key update of job skip locked;
