-- delete_workflow: remove a workflow.
-- takes id int8
-- returns id int8; no row: it was gone
-- index workflow_pkey
delete from callboard.workflow
where id = $1
returning id;
