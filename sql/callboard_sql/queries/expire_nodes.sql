-- expire_nodes: take away the leases that are over.
-- takes but int8 (the epoch of a node that is left alone; NULL: none), now timestamptz (NULL: the
--     database's clock)
-- returns epoch int8, name text, host text, pid int8, version text, capacity int4, started_at
--     timestamptz, lease_until timestamptz, fires bool, executes bool, expired bool, vitals text;
--     also those that were taken away before
-- lock the rows; reads all of node
update callboard.node
set
    expired = true,
    lease_until = least(lease_until, started_at)
where (expired or lease_until <= coalesce($2::timestamptz, now()))
    and epoch is distinct from $1
returning
    epoch, name, host, pid, version, capacity, started_at, lease_until, fires, executes, expired,
    vitals::text as vitals;
