-- lock_batch_identity: the instance of an identity, kept from every other writer until the commit.
-- takes group_name text, job text, key text
-- returns id int8, group_name text, job text, key text, parameters text, state text, live_run_id
--     int8, last_run_id int8, created_at timestamptz, ended_at timestamptz
-- index batch_instance_identity_key
-- lock for no key update
select
    id, group_name, job, key, parameters::text as parameters, state, live_run_id, last_run_id,
    created_at, ended_at
from callboard.batch_instance
where group_name = $1
    and job = $2
    and key = $3
for no key update;
