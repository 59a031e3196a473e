-- update_workflow_run: write the changeable fields of a locked workflow run.
-- takes id int8, state text, properties text, progress text, ended_at timestamptz
-- returns nothing
-- index workflow_run_pkey
update callboard.workflow_run
set
    state = $2,
    properties = $3::text::jsonb,
    progress = $4::text::jsonb,
    ended_at = $5
where id = $1;
