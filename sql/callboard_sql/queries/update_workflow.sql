-- update_workflow: replace the definition of a workflow that is at the version the caller read.
-- takes id int8, version int8, definition text, now timestamptz (NULL: the database's clock)
-- returns group_name text, name text, version int8, created_at timestamptz, updated_at
--     timestamptz; no row: gone, or at another version
-- index workflow_pkey
update callboard.workflow
set
    definition = $3::text::jsonb,
    version = version + 1,
    updated_at = coalesce($4::timestamptz, now())
where id = $1
    and version = $2
returning group_name, name, version, created_at, updated_at;
