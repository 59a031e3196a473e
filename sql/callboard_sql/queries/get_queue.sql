-- get_queue: one queue by its name.
-- takes group_name text, name text
-- returns id int8, group_name text, name text, description text, capacity int4, rate_runs int4,
--     rate_per_s float8, paused bool, version int8, created_at timestamptz, updated_at timestamptz
-- index queue_name_key
select
    id, group_name, name, description, capacity, rate_runs, rate_per_s, paused, version,
    created_at, updated_at
from callboard.queue
where group_name = $1
    and name = $2;
