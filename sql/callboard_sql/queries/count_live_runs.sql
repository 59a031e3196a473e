-- count_live_runs: how many live runs are in each state.
-- takes nothing
-- returns state text, runs int8
-- lock none: reads all of live_run
select state, count(*) as runs
from callboard.live_run
group by state;
