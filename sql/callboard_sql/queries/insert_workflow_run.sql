-- insert_workflow_run: store a new workflow run.
-- takes id int8, group_name text, workflow text, workflow_id int8, state text, trigger text
--     (NULL: none), previous_run_id int8, properties text, definition text, progress text, ended_at
--     timestamptz, now timestamptz (NULL: the database's clock)
-- returns created_at timestamptz
-- index workflow_run_pkey
insert into callboard.workflow_run (
    id, group_name, workflow, workflow_id, state, trigger, previous_run_id, properties,
    definition, progress, ended_at, created_at
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8::text::jsonb,
    $9::text::jsonb, $10::text::jsonb, $11, coalesce($12::timestamptz, now())
)
returning created_at;
