-- insert_backfill: store a new backfill.
-- takes group_name text, trigger text, trigger_id int8, from_at timestamptz, until_at timestamptz,
--     state text, force bool, overlap text, max_concurrent int4, cursor_at timestamptz, slots_total
--     int8, ended_at timestamptz, now timestamptz (NULL: the database's clock)
-- returns id int8, version int8, created_at timestamptz
-- index backfill_pkey
insert into callboard.backfill (
    group_name, trigger, trigger_id, from_at, until_at, state, force, overlap,
    max_concurrent, cursor_at, slots_total, fired, skipped, succeeded, failed,
    version, created_at, updated_at, ended_at
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8,
    $9, $10, $11, 0, 0, 0, 0,
    1, coalesce($13::timestamptz, now()), coalesce($13::timestamptz, now()), $12
)
returning id, version, created_at;
