-- prune_ended_runs: remove runs that ended before an instant, with their logs.
-- takes ended_before timestamptz, limit int8, from_id int8 (lower ids go with their partition, but
--     for those that have none)
-- returns runs int8, logs int8
-- index ended_run_pkey, run_log_pkey
with oldest as materialized (
    select id, ended_at
    from callboard.ended_run
    where id >= $3
    order by id
    limit 4 * $2::int8
),
ranged as materialized (
    select id
    from oldest
    where ended_at < $1
    limit $2::int8
),
rest as materialized (
    select id
    from callboard.ended_run_rest
    where ended_at < $1
    limit greatest(0, $2::int8 - (select count(*) from ranged))
),
old as materialized (
    select id
    from ranged
    union
    select id
    from rest
),
runs as (
    delete from callboard.ended_run
    where id = any(array(select old.id from old))
    returning id
),
logs as (
    delete from callboard.run_log
    where run_id = any(array(select old.id from old))
    returning run_id
)
select
    (select count(*) from runs) as runs,
    (select count(*) from logs) as logs;
