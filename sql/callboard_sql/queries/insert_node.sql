-- insert_node: register a starting node.
-- takes name text, host text, pid int8, version text, capacity int4, lease interval, now
--     timestamptz (NULL: the database's clock), fires bool, executes bool
-- returns epoch int8, name text, host text, pid int8, version text, capacity int4, started_at
--     timestamptz, lease_until timestamptz, fires bool, executes bool; no row: a node has that name
-- index node_name_key (name) where not expired
insert into callboard.node (
    name, host, pid, version, capacity, started_at, lease_until, fires, executes
)
values (
    $1, $2, $3, $4, $5,
    coalesce($7::timestamptz, now()), coalesce($7::timestamptz, now()) + $6::interval, $8, $9
)
on conflict (name) where not expired do nothing
returning
    epoch, name, host, pid, version, capacity, started_at, lease_until, fires, executes;
