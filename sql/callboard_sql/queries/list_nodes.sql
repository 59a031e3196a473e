-- list_nodes: all nodes by name, but those whose lease was taken away.
-- takes nothing
-- returns epoch int8, name text, host text, pid int8, version text, capacity int4, started_at
--     timestamptz, lease_until timestamptz, fires bool, executes bool, vitals text, firing_until
--     timestamptz, shards int8 (which are its own until then)
-- lock none: reads all of node
select
    node.epoch, node.name, node.host, node.pid, node.version, node.capacity, node.started_at,
    node.lease_until, node.fires, node.executes, node.vitals::text as vitals, lease.firing_until,
    (
        select count(*)
        from callboard.scheduler_shard as shard
        where shard.epoch = node.epoch
    ) as shards
from callboard.node
left join callboard.scheduler_lease as lease on lease.epoch = node.epoch
where not node.expired
order by node.name;
