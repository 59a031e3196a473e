-- lock_completed_runs: lock live runs, and say which of them have their work committed.
-- takes ids int8[]
-- returns id int8, completed text (NULL: not that one)
-- index live_run_pkey
-- lock the runs, in the order of ids: a handler's transaction that completes one is waited for
select run.id, run.completed::text as completed
from callboard.live_run as run
where run.id = any($1::int8[])
order by run.id
for update of run;
