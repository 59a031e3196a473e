-- release_shards: let a node's shards be taken.
-- takes epoch int8, ids int4[]
-- returns id int4 (of those that it had)
-- index scheduler_shard_pkey
-- lock the rows; those that others are taking are passed over
update callboard.scheduler_shard
set epoch = null
where id = any(array(
    select shard.id
    from callboard.scheduler_shard as shard
    where shard.id = any($2)
        and shard.epoch = $1
    order by shard.id
    for update skip locked
))
returning id;
