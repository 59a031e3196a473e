-- take_shards: give a node those of the shards that no node with a running lease has.
-- takes epoch int8, ids int4[], now timestamptz (NULL: the database's clock)
-- returns id int4, owner int8 (epoch of who had it before; NULL: nobody)
-- index scheduler_shard_pkey
-- lock the rows; those that others hold are passed over: they are being fired, or taken
with free as materialized (
    select shard.id, shard.epoch
    from callboard.scheduler_shard as shard
    where shard.id = any($2)
        and not exists (
            select
            from callboard.scheduler_lease as lease
            where lease.epoch = shard.epoch
                and lease.firing_until > coalesce($3::timestamptz, now())
        )
),
taken as materialized (
    select shard.id, free.epoch
    from free
    -- somebody may have taken it since, whose lease this statement does not see
    join callboard.scheduler_shard as shard on shard.id = free.id
        and shard.epoch is not distinct from free.epoch
    order by shard.id
    for update of shard skip locked
)
update callboard.scheduler_shard as shard
set
    epoch = $1,
    fence = shard.fence + 1,
    taken_at = coalesce($3::timestamptz, now())
from taken
where shard.id = taken.id
returning shard.id, taken.epoch as owner;
