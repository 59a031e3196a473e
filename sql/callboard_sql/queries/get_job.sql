-- get_job: a job by its name.
-- takes group_name text, name text
-- returns id int8, group_name text, name text, kind text, spec text, arguments text, description
--     text, disabled bool, retry text, timeout_s float8, max_concurrent_runs int4, on_crash text,
--     labels text, rules text, version int8, created_at timestamptz, updated_at timestamptz
-- index job_name_key
select
    id, group_name, name, kind, spec::text as spec, arguments::text as arguments, description,
    disabled, retry::text as retry, timeout_s, max_concurrent_runs, on_crash,
    labels::text as labels, rules::text as rules, version, created_at, updated_at
from callboard.job
where group_name = $1
    and name = $2;
