-- list_open_firings: slots of a backfill whose firing was not seen to end, by slot.
-- takes backfill_id int8
-- returns trigger_id int8, slot timestamptz, backfill_id int8, run_ids int8[], fired_at
--     timestamptz, ended_at timestamptz
-- index backfilled_slot_open_idx
select trigger_id, slot, backfill_id, run_ids, fired_at, ended_at
from callboard.backfilled_slot
where backfill_id = $1
    and ended_at is null
order by slot;
