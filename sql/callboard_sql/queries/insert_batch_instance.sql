-- insert_batch_instance: store a new batch instance, unless there is one of its identity.
-- takes group_name text, job text, key text, parameters text, state text, live_run_id int8,
--     last_run_id int8, ended_at timestamptz, now timestamptz (NULL: the database's clock)
-- returns id int8, created_at timestamptz; no row: its identity is taken
-- index batch_instance_identity_key
insert into callboard.batch_instance (
    group_name, job, key, parameters, state, live_run_id, last_run_id, ended_at, created_at
)
values ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8, coalesce($9::timestamptz, now()))
on conflict (group_name, job, key) do nothing
returning id, created_at;
