-- insert_backfilled_slots: note the slots that a backfill fired.
-- takes trigger_ids int8[], slots timestamptz[], backfill_ids int8[], run_ids text[] (array
--     literals), fired_ats timestamptz[]
-- returns nothing
-- index backfilled_slot_pkey: a slot that the backfill fired before fails the whole statement
insert into callboard.backfilled_slot (trigger_id, slot, backfill_id, run_ids, fired_at)
select fired.trigger_id, fired.slot, fired.backfill_id, fired.run_ids::int8[], fired.fired_at
from unnest(
    $1::int8[], $2::timestamptz[], $3::int8[], $4::text[], $5::timestamptz[]
) as fired (trigger_id, slot, backfill_id, run_ids, fired_at);
