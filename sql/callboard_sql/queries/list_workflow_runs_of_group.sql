-- list_workflow_runs_of_group: workflow runs of a group, newest first.
-- takes before_id int8 (NULL: from the newest), limit int8, group_name text
-- returns id int8, group_name text, workflow text, workflow_id int8, state text, trigger text,
--     previous_run_id int8, properties text, definition text, progress text, created_at
--     timestamptz, ended_at timestamptz
-- index workflow_run_group_idx, which has all that the choice needs; workflow_run_pkey
select
    id, group_name, workflow, workflow_id, state, trigger, previous_run_id,
    properties::text as properties, definition::text as definition, progress::text as progress,
    created_at, ended_at
from callboard.workflow_run
where id = any(
    array(
        select listed.id
        from callboard.workflow_run as listed
        where listed.group_name = $3
            and listed.id < coalesce($1::int8, 9223372036854775807)
        order by listed.id desc
        limit $2::int8
    )
)
order by id desc;
