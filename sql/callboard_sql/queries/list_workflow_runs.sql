-- list_workflow_runs: workflow runs of all groups, newest first.
-- takes before_id int8 (NULL: from the newest), limit int8, workflow text (NULL: all)
-- returns id int8, group_name text, workflow text, workflow_id int8, state text, trigger text,
--     previous_run_id int8, properties text, definition text, progress text, created_at
--     timestamptz, ended_at timestamptz
-- index workflow_run_pkey
select
    id, group_name, workflow, workflow_id, state, trigger, previous_run_id,
    properties::text as properties, definition::text as definition, progress::text as progress,
    created_at, ended_at
from callboard.workflow_run
where ($3::text is null or workflow = $3)
    and id < coalesce($1::int8, 9223372036854775807)
order by id desc
limit $2::int8;
