-- get_batch_instances: batch instances by their ids.
-- takes ids int8[]
-- returns id int8, group_name text, job text, key text, parameters text, state text, live_run_id
--     int8, last_run_id int8, created_at timestamptz, ended_at timestamptz
-- index batch_instance_pkey
select
    id, group_name, job, key, parameters::text as parameters, state, live_run_id, last_run_id,
    created_at, ended_at
from callboard.batch_instance
where id = any($1::int8[])
order by id;
