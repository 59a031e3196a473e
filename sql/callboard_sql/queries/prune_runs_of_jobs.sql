-- prune_runs_of_jobs: of each job, remove ended runs beyond the newest ones, with their logs.
-- takes keep int8 (of each job), limit int8 (in all)
-- returns runs int8, logs int8
-- index ended_run_job_idx (job, id), run_log_pkey
with old as materialized (
    select surplus.id
    from callboard.job
    cross join lateral (
        select newest.id
        from callboard.ended_run as newest
        where newest.job = job.name
            and newest.job_id = job.id
        order by newest.id desc
        offset $1::int8
        limit 1
    ) as edge
    cross join lateral (
        select run.id
        from callboard.ended_run as run
        where run.job = job.name
            and run.job_id = job.id
            and run.id <= edge.id
        order by run.id
        limit $2::int8
    ) as surplus
    limit $2::int8
),
runs as (
    delete from callboard.ended_run
    where id = any(array(select old.id from old))
    returning id
),
logs as (
    delete from callboard.run_log
    where run_id = any(array(select old.id from old))
    returning run_id
)
select
    (select count(*) from runs) as runs,
    (select count(*) from logs) as logs;
