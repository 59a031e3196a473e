-- prune_workflow_runs: remove workflow runs that ended long ago.
-- takes before timestamptz, limit int8
-- returns workflow_runs int8
-- index workflow_run_ended_idx, workflow_run_pkey
with gone as (
    delete from callboard.workflow_run
    where id = any(
        array(
            select old.id
            from callboard.workflow_run as old
            where old.ended_at < $1
            limit $2::int8
        )
    )
    returning id
)
select count(*) as workflow_runs
from gone;
