-- hold_shards: keep those of the shards from being taken until the commit that a node has, and
--     whose lease runs.
-- takes epoch int8, ids int4[], now timestamptz (NULL: the database's clock)
-- returns id int4
-- index scheduler_shard_pkey, scheduler_lease_pkey
-- lock the rows, shared; those that others are taking are passed over
select shard.id
from callboard.scheduler_shard as shard
where shard.id = any($2)
    and shard.epoch = $1
    and exists (
        select
        from callboard.scheduler_lease as lease
        where lease.epoch = $1
            and lease.firing_until > coalesce($3::timestamptz, now())
    )
order by shard.id
for share of shard skip locked;
