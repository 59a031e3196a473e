-- prune_ended_runs: remove runs that ended before an instant, oldest ids first, with their logs.
-- takes ended_before timestamptz, limit int8
-- returns runs int8, logs int8
-- index ended_run_ended_idx, run_log_pkey
with old as materialized (
    select id
    from callboard.ended_run
    where ended_at < $1
    order by id
    limit $2::int8
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
