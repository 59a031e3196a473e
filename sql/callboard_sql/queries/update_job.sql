-- update_job: replace the definition of a job that is still at the version the caller read.
-- takes id int8, version int8, kind text, spec text, arguments text, description text, disabled
--     bool, retry text, timeout_s float8, max_concurrent_runs int4, on_crash text, labels text,
--     rules text, now timestamptz (NULL: the database's clock)
-- returns group_name text, name text, version int8, created_at timestamptz, updated_at
--     timestamptz; no row: gone, or at another version
-- index job_pkey
-- lock the row; where "limited" changes it waits for those who hold the job FOR KEY SHARE
update callboard.job
set
    kind = $3,
    spec = $4::text::jsonb,
    arguments = $5::text::jsonb,
    description = $6,
    disabled = $7,
    retry = $8::text::jsonb,
    timeout_s = $9,
    max_concurrent_runs = $10,
    on_crash = $11,
    labels = $12::text::jsonb,
    rules = $13::text::jsonb,
    version = version + 1,
    updated_at = coalesce($14::timestamptz, now())
where id = $1
    and version = $2
returning group_name, name, version, created_at, updated_at;
