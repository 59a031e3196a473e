-- count_workflow_runs: how many live runs workflows have.
-- takes workflow_ids int8[]
-- returns workflow_id int8, runs int8; those without one have no row
-- index workflow_run_live_idx
select workflow_id, count(*) as runs
from callboard.workflow_run
where workflow_id = any($1::int8[])
    and ended_at is null
group by workflow_id;
