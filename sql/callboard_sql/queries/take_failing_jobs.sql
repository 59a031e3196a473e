-- take_failing_jobs: forget those of the jobs that were remembered as failing.
-- takes job_ids int8[]
-- returns job_id int8, run_id int8, since timestamptz
-- index failing_job_pkey
delete from callboard.failing_job
where job_id = any($1::int8[])
returning job_id, run_id, since;
