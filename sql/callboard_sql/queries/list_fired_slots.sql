-- list_fired_slots: slots of a trigger that fired in their time, or by a backfill.
-- takes trigger_id int8, since timestamptz, until timestamptz (not included)
-- returns slot timestamptz
-- index ledger_pkey, backfilled_slot_pkey
select slot
from callboard.ledger
where trigger_id = $1
    and slot >= $2
    and slot < $3
    and decision = 'fired'
union
select slot
from callboard.backfilled_slot
where trigger_id = $1
    and slot >= $2
    and slot < $3;
