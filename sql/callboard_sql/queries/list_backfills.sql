-- list_backfills: backfills of all groups, newest first.
-- takes trigger text (NULL: all), state text (NULL: all), before_id int8 (NULL: from the newest),
--     limit int8
-- returns id int8, group_name text, trigger text, trigger_id int8, from_at timestamptz, until_at
--     timestamptz, state text, reason text, force bool, overlap text, max_concurrent int4,
--     cursor_at timestamptz, slots_total int8, fired int8, skipped int8, succeeded int8, failed
--     int8, version int8, created_at timestamptz, updated_at timestamptz, ended_at timestamptz
-- index backfill_pkey
select
    id, group_name, trigger, trigger_id, from_at, until_at, state, reason, force, overlap,
    max_concurrent, cursor_at, slots_total, fired, skipped, succeeded, failed, version,
    created_at, updated_at, ended_at
from callboard.backfill
where id < coalesce($3::int8, 9223372036854775807)
    and ($1::text is null or trigger = $1)
    and ($2::text is null or state = $2)
order by id desc
limit $4::int8;
