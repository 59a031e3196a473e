-- prune_backfilled_slots: remove slots of backfills that ended long ago.
-- takes before timestamptz, limit int8
-- returns slots int8
-- index backfill_pkey, backfilled_slot_pkey
with old as materialized (
    select slot.trigger_id, slot.slot, slot.backfill_id
    from (
        select backfill.id, backfill.trigger_id, backfill.from_at, backfill.until_at
        from callboard.backfill
        where backfill.ended_at < $1
        order by backfill.id
        limit $2::int8
    ) as ended
    join callboard.backfilled_slot as slot
        on slot.trigger_id = ended.trigger_id
        and slot.slot >= ended.from_at
        and slot.slot < ended.until_at
        and slot.backfill_id = ended.id
    limit $2::int8
),
gone as (
    delete from callboard.backfilled_slot
    using old
    where backfilled_slot.trigger_id = old.trigger_id
        and backfilled_slot.slot = old.slot
        and backfilled_slot.backfill_id = old.backfill_id
    returning 1 as one
)
select count(*) as slots
from gone;
