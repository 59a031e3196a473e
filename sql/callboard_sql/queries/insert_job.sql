-- insert_job: store a new job.
-- takes group_name text, name text, kind text, spec text, arguments text, description text,
--     disabled bool, retry text, timeout_s float8, max_concurrent_runs int4, on_crash text,
--     labels text, rules text, now timestamptz (NULL: the database's clock)
-- returns id int8, created_at timestamptz; no row: the name is taken
-- index job_name_key
insert into callboard.job (
    group_name, name, kind, spec, arguments, description, disabled, retry, timeout_s,
    max_concurrent_runs, on_crash, labels, rules, version, created_at, updated_at
)
values (
    $1, $2, $3, $4::text::jsonb, $5::text::jsonb, $6, $7, $8::text::jsonb, $9,
    $10, $11, $12::text::jsonb, $13::text::jsonb, 1,
    coalesce($14::timestamptz, now()), coalesce($14::timestamptz, now())
)
on conflict (group_name, name) do nothing
returning id, created_at;
