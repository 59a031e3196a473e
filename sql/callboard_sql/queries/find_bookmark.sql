-- find_bookmark: the newest version of a job's bookmark that stands at a run.
-- takes job_id int8, run_id int8
-- returns job_id int8, version int8, run int8, attempt int8, run_id int8, previous_run_id int8,
--     value text, at timestamptz (no row: there is none)
-- index bookmark_run_idx
select
    job_id, version, run, attempt, run_id,
    previous_run_id, value::text as value, at
from callboard.bookmark
where job_id = $1
    and run_id = $2
order by version desc
limit 1;
