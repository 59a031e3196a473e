-- insert_node: register a starting node, in the place of a dead one of the same name.
-- takes name text, host text, pid int8, version text, capacity int4, lease interval, now
--     timestamptz (NULL: the database's clock)
-- returns epoch int8, name text, host text, pid int8, version text, capacity int4, started_at
--     timestamptz, lease_until timestamptz; no row: a node of that name has a live lease
-- index node_name_key
insert into callboard.node (name, host, pid, version, capacity, started_at, lease_until)
values (
    $1, $2, $3, $4, $5,
    coalesce($7::timestamptz, now()), coalesce($7::timestamptz, now()) + $6::interval
)
on conflict (name) do update
set
    epoch = excluded.epoch,
    host = excluded.host,
    pid = excluded.pid,
    version = excluded.version,
    capacity = excluded.capacity,
    started_at = excluded.started_at,
    lease_until = excluded.lease_until
where node.lease_until <= coalesce($7::timestamptz, now())
returning epoch, name, host, pid, version, capacity, started_at, lease_until;
