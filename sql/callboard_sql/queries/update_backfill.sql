-- update_backfill: write the changeable fields of a locked backfill.
-- takes id int8, state text, reason text, cursor_at timestamptz, fired int8, skipped int8,
--     succeeded int8, failed int8, ended_at timestamptz, now timestamptz (NULL: the database's
--     clock)
-- returns version int8, updated_at timestamptz
-- index backfill_pkey
update callboard.backfill
set state = $2,
    reason = $3,
    cursor_at = $4,
    fired = $5,
    skipped = $6,
    succeeded = $7,
    failed = $8,
    ended_at = $9,
    version = version + 1,
    updated_at = coalesce($10::timestamptz, now())
where id = $1
returning version, updated_at;
