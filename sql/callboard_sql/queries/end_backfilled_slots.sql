-- end_backfilled_slots: note that firings of a backfill have ended.
-- takes backfill_id int8, slots timestamptz[], now timestamptz (NULL: the database's clock)
-- returns nothing
-- index backfilled_slot_open_idx
update callboard.backfilled_slot
set ended_at = coalesce($3::timestamptz, now())
where backfill_id = $1
    and slot = any($2::timestamptz[])
    and ended_at is null;
