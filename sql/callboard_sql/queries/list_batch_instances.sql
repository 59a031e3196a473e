-- list_batch_instances: one page of a job's batch instances, newest first.
-- takes before_id int8 (NULL: from the newest on), limit int8, group_name text, job text
-- returns id int8, group_name text, job text, key text, parameters text, state text, live_run_id
--     int8, last_run_id int8, created_at timestamptz, ended_at timestamptz
-- index batch_instance_job_idx
select
    id, group_name, job, key, parameters::text as parameters, state, live_run_id, last_run_id,
    created_at, ended_at
from callboard.batch_instance
where group_name = $3
    and job = $4
    and id < coalesce($1::int8, 9223372036854775807)
order by id desc
limit $2::int8;
