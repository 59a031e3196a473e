-- insert_workflow: store a new workflow.
-- takes group_name text, name text, definition text, now timestamptz (NULL: the database's clock)
-- returns id int8, created_at timestamptz; no row: the name is taken
-- index workflow_name_key
insert into callboard.workflow (group_name, name, definition, version, created_at, updated_at)
values (
    $1, $2, $3::text::jsonb, 1,
    coalesce($4::timestamptz, now()), coalesce($4::timestamptz, now())
)
on conflict (group_name, name) do nothing
returning id, created_at;
