-- list_scheduler_shares: the nodes whose lease of shards runs, and the shards that they have.
-- takes now timestamptz (NULL: the database's clock)
-- returns epoch int8, scheduling text, shards int4[] (ascending)
-- lock none: there are few nodes and shards
select
    lease.epoch,
    lease.scheduling,
    array(
        select shard.id
        from callboard.scheduler_shard as shard
        where shard.epoch = lease.epoch
        order by shard.id
    ) as shards
from callboard.scheduler_lease as lease
where lease.firing_until > coalesce($1::timestamptz, now())
order by lease.epoch;
