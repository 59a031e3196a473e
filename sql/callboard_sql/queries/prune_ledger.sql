-- prune_ledger: remove the oldest entries, except each trigger's last.
-- takes before timestamptz, limit int8
-- returns entries int8
-- index ledger_slot_idx, ledger_pkey
with old as materialized (
    select trigger_id, slot, generation
    from callboard.ledger
    where slot < $1
        and coalesce(until, slot) < $1
        and exists (
            select
            from callboard.ledger as later
            where later.trigger_id = ledger.trigger_id
                and (later.slot, later.generation) > (ledger.slot, ledger.generation)
        )
    order by slot
    limit $2::int8
),
gone as (
    delete from callboard.ledger
    using old
    where ledger.trigger_id = old.trigger_id
        and ledger.slot = old.slot
        and ledger.generation = old.generation
    returning 1 as one
)
select count(*) as entries
from gone;
