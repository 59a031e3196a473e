-- list_nodes: all nodes by name.
-- takes nothing
-- returns epoch int8, name text, host text, pid int8, version text, capacity int4, started_at
--     timestamptz, lease_until timestamptz
-- lock none: reads all of node
select epoch, name, host, pid, version, capacity, started_at, lease_until
from callboard.node
order by name;
