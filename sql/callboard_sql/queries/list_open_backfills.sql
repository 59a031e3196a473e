-- list_open_backfills: backfills that have not ended, or have a firing that has not.
-- takes nothing
-- returns id int8, trigger_id int8
-- index backfill_open_idx, backfilled_slot_open_idx
select id, trigger_id
from (
    select backfill.id, backfill.trigger_id
    from callboard.backfill
    where backfill.ended_at is null
    union
    select slot.backfill_id, slot.trigger_id
    from callboard.backfilled_slot as slot
    where slot.ended_at is null
) as open_backfill
order by id;
