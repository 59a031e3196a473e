-- renew_scheduler_lease: prolong the lease of a node's shards, or begin it; leases that nobody has
--     renewed for a day go.
-- takes epoch int8, lease interval, scheduling text, now timestamptz (NULL: the database's clock)
-- returns firing_until timestamptz; no row: no node is registered under that epoch
-- index scheduler_lease_pkey
-- lock the rows; old leases that others hold are passed over
with old as (
    delete from callboard.scheduler_lease
    where epoch = any(array(
        select lease.epoch
        from callboard.scheduler_lease as lease
        where lease.epoch <> $1
            and lease.firing_until < coalesce($4::timestamptz, now()) - interval '1 day'
        for update skip locked
    ))
)
insert into callboard.scheduler_lease (epoch, firing_until, scheduling)
select node.epoch, coalesce($4::timestamptz, now()) + $2::interval, $3
from callboard.node
where node.epoch = $1
    and not node.expired
on conflict (epoch) do update
set
    firing_until = excluded.firing_until,
    scheduling = excluded.scheduling
returning firing_until;
