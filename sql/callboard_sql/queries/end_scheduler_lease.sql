-- end_scheduler_lease: give up the lease of a node's shards, and all of them.
-- takes epoch int8
-- returns id int4 (of the shards)
-- index scheduler_lease_pkey, scheduler_shard_pkey
-- lock the rows; those that others are taking are passed over
with ended as (
    delete from callboard.scheduler_lease
    where epoch = $1
)
update callboard.scheduler_shard
set epoch = null
where id = any(array(
    select shard.id
    from callboard.scheduler_shard as shard
    where shard.epoch = $1
    order by shard.id
    for update skip locked
))
returning id;
