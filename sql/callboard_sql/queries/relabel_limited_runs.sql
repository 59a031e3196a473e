-- relabel_limited_runs: let the live runs of a job without terms of their own follow its
--     "limited".
-- takes job_id int8
-- returns nothing
-- index live_run_job_idx; reads all of live_run_begun_idx
-- lock a statement of its own after update_job: it must see the runs of those whom update_job
--     waited for
update callboard.live_run as run
set limited = job.limited or run.terms is not null
from callboard.job
where job.id = $1
    and (
        run.job_id = $1 and run.state = 'queued' and run.id > 0
        or run.job_id = $1 and run.state <> 'queued'
    )
    and run.limited <> (job.limited or run.terms is not null);
