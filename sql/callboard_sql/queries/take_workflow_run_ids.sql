-- take_workflow_run_ids: ids of new workflow runs, which nobody else gets.
-- takes count int8
-- returns id int8
-- index none: the sequence workflow_run_id_seq
select nextval('callboard.workflow_run_id_seq') as id
from generate_series(1, $1::int8);
