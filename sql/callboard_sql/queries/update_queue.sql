-- update_queue: replace the definition of a queue that is still at the version the caller read.
-- takes id int8, version int8, description text, capacity int4, rate_runs int4, rate_per_s float8,
--     paused bool, now timestamptz (NULL: the database's clock)
-- returns group_name text, name text, version int8, created_at timestamptz, updated_at
--     timestamptz; no row: gone, or at another version
-- index queue_pkey
update callboard.queue
set
    description = $3,
    capacity = $4,
    rate_runs = $5,
    rate_per_s = $6,
    paused = $7,
    version = version + 1,
    updated_at = coalesce($8::timestamptz, now())
where id = $1
    and version = $2
returning group_name, name, version, created_at, updated_at;
