-- read_backfilled_slots: slots of a trigger that backfills fired, by slot and backfill.
-- takes trigger_id int8, since timestamptz, until timestamptz (not included), limit int8
-- returns trigger_id int8, slot timestamptz, backfill_id int8, run_ids int8[], fired_at
--     timestamptz, ended_at timestamptz
-- index backfilled_slot_pkey
select trigger_id, slot, backfill_id, run_ids, fired_at, ended_at
from callboard.backfilled_slot
where trigger_id = $1
    and slot >= $2
    and slot < $3
order by slot, backfill_id
limit $4::int8;
