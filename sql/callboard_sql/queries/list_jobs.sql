-- list_jobs: jobs by group and name, ascending.
-- takes group_name text (NULL: all), kind text (NULL: all), disabled bool (NULL: both), labels
--     text (an object that the job's labels contain), after_group text, after_name text (of the
--     page before; empty: from the start), limit int8
-- returns id int8, group_name text, name text, kind text, spec text, arguments text, description
--     text, disabled bool, retry text, timeout_s float8, max_concurrent_runs int4, on_crash text,
--     labels text, rules text, version int8, created_at timestamptz, updated_at timestamptz
-- index job_name_key: both bounds of the group are conditions on it
select
    id, group_name, name, kind, spec::text as spec, arguments::text as arguments, description,
    disabled, retry::text as retry, timeout_s, max_concurrent_runs, on_crash,
    labels::text as labels, rules::text as rules, version, created_at, updated_at
from callboard.job
where (group_name, name) > ($5, $6)
    and group_name >= coalesce($1::text, '')
    and group_name <= coalesce($1::text, chr(1114111))
    and ($2::text is null or kind = $2)
    and ($3::bool is null or disabled = $3)
    and labels @> $4::text::jsonb
order by group_name, name
limit $7::int8;
