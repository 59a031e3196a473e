-- lock_workflows: workflows by their names, kept from every other writer until the commit.
-- takes group_names text[], names text[] (pairs)
-- returns id int8, group_name text, name text, definition text, version int8, created_at
--     timestamptz, updated_at timestamptz
-- index workflow_name_key, workflow_pkey
-- lock for update, in the order of ids
select
    id, group_name, name, definition::text as definition, version, created_at, updated_at
from callboard.workflow
where id = any(
    array(
        select named.id
        from unnest($1::text[], $2::text[]) as wanted (group_name, name)
        join callboard.workflow as named
            on named.group_name = wanted.group_name
            and named.name = wanted.name
    )
)
order by id
for update;
