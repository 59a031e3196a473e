-- get_workflow: one workflow by its name.
-- takes group_name text, name text
-- returns id int8, group_name text, name text, definition text, version int8, created_at
--     timestamptz, updated_at timestamptz
-- index workflow_name_key
select
    id, group_name, name, definition::text as definition, version, created_at, updated_at
from callboard.workflow
where group_name = $1
    and name = $2;
