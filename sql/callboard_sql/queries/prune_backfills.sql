-- prune_backfills: remove backfills that ended long ago and have no slots any more.
-- takes before timestamptz, limit int8
-- returns backfills int8
-- index backfill_pkey, backfilled_slot_pkey
with old as materialized (
    select backfill.id
    from callboard.backfill
    where backfill.ended_at < $1
        and not exists (
            select
            from callboard.backfilled_slot as slot
            where slot.trigger_id = backfill.trigger_id
                and slot.slot >= backfill.from_at
                and slot.slot < backfill.until_at
                and slot.backfill_id = backfill.id
        )
    order by backfill.id
    limit $2::int8
),
gone as (
    delete from callboard.backfill
    where id = any(array(select old.id from old))
    returning id
)
select count(*) as backfills
from gone;
