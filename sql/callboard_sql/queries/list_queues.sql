-- list_queues: queues by group and name, ascending.
-- takes group_name text (NULL: all), after_group text, after_name text (of the page before; empty:
--     from the start), limit int8
-- returns id int8, group_name text, name text, description text, capacity int4, rate_runs int4,
--     rate_per_s float8, paused bool, version int8, created_at timestamptz, updated_at timestamptz
-- index queue_name_key: both bounds of the group are conditions on it
select
    id, group_name, name, description, capacity, rate_runs, rate_per_s, paused, version,
    created_at, updated_at
from callboard.queue
where (group_name, name) > ($2, $3)
    and group_name >= coalesce($1::text, '')
    and group_name <= coalesce($1::text, chr(1114111))
order by group_name, name
limit $4::int8;
