-- update_batch_instances: write what becomes of batch instances that the caller has locked, a
--     hundred at most.
-- takes ids int8[], states text[], live_run_ids int8[], last_run_ids int8[], ended_ats
--     timestamptz[]
-- returns nothing
-- index batch_instance_pkey
update callboard.batch_instance as instance
set
    state = new.state,
    live_run_id = new.live_run_id,
    last_run_id = new.last_run_id,
    ended_at = new.ended_at
from unnest($1::int8[], $2::text[], $3::int8[], $4::int8[], $5::timestamptz[])
    as new (id, state, live_run_id, last_run_id, ended_at)
where instance.id = new.id
    and instance.id = any($1);
