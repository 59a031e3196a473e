-- lock_workflow_runs: workflow runs, kept from every other writer until the commit.
-- takes ids int8[]
-- returns id int8, group_name text, workflow text, workflow_id int8, state text, trigger text,
--     previous_run_id int8, properties text, definition text, progress text, created_at
--     timestamptz, ended_at timestamptz
-- index workflow_run_pkey
-- lock for no key update, in the order of ids
select
    id, group_name, workflow, workflow_id, state, trigger, previous_run_id,
    properties::text as properties, definition::text as definition, progress::text as progress,
    created_at, ended_at
from callboard.workflow_run
where id = any($1::int8[])
order by id
for no key update;
