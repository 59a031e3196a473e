-- insert_queue: store a new queue.
-- takes group_name text, name text, description text, capacity int4, rate_runs int4, rate_per_s
--     float8, paused bool, now timestamptz (NULL: the database's clock)
-- returns id int8, created_at timestamptz; no row: the name is taken
-- index queue_name_key
insert into callboard.queue (
    group_name, name, description, capacity, rate_runs, rate_per_s, paused, version, created_at,
    updated_at
)
values (
    $1, $2, $3, $4, $5, $6, $7, 1,
    coalesce($8::timestamptz, now()), coalesce($8::timestamptz, now())
)
on conflict (group_name, name) do nothing
returning id, created_at;
