-- lock_jobs: keep jobs from being deleted until the commit.
-- takes group_names text[], names text[] (pairs)
-- returns id int8, group_name text, name text, kind text, spec text, arguments text, description
--     text, disabled bool, retry text, timeout_s float8, max_concurrent_runs int4, on_crash text,
--     labels text, rules text, version int8, created_at timestamptz, updated_at timestamptz
-- index job_name_key
-- lock for key share, in the order of ids
select
    job.id, job.group_name, job.name, job.kind, job.spec::text as spec,
    job.arguments::text as arguments, job.description, job.disabled, job.retry::text as retry,
    job.timeout_s, job.max_concurrent_runs, job.on_crash, job.labels::text as labels,
    job.rules::text as rules, job.version, job.created_at, job.updated_at
from callboard.job
where job.id = any(
    array(
        select named.id
        from unnest($1::text[], $2::text[]) as wanted (group_name, name)
        join callboard.job as named
            on named.group_name = wanted.group_name
            and named.name = wanted.name
    )
)
order by job.id
for key share of job;
