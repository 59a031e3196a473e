-- delete_expired_nodes: remove the nodes whose lease is over.
-- takes now timestamptz (NULL: the database's clock)
-- returns epoch int8, name text, host text, pid int8, version text, capacity int4, started_at
--     timestamptz, lease_until timestamptz
-- lock the rows; reads all of node
delete from callboard.node
where lease_until <= coalesce($1::timestamptz, now())
returning epoch, name, host, pid, version, capacity, started_at, lease_until;
