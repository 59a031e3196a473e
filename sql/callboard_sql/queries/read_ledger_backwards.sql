-- read_ledger_backwards: entries of a trigger whose slot, or stretch, touches a span of time, the
--     newest first.
-- takes trigger_id int8, since timestamptz, until timestamptz (not included), limit int8
-- returns trigger_id int8, generation int8, slot timestamptz, decision text, reason text, until
--     timestamptz, slot_count int8, decided_at timestamptz, run_ids int8[], caused_by int8[]
--     (NULL: none), events int8 (NULL: no event trigger's)
-- index ledger_pkey, ledger_stretch_idx (stretches that begin before the span)
with stretch as materialized (
    select
        trigger_id, generation, slot, decision, reason, until, slot_count, decided_at, run_ids,
        caused_by, events
    from callboard.ledger
    where trigger_id = $1
        and until is not null
        and until >= $2
        and slot < least($2, $3)
)
select
    trigger_id, generation, slot, decision, reason, until, slot_count, decided_at, run_ids,
    caused_by, events
from (
    (
        select
            trigger_id, generation, slot, decision, reason, until, slot_count, decided_at, run_ids,
            caused_by, events
        from callboard.ledger
        where trigger_id = $1
            and slot >= $2
            and slot < $3
        order by slot desc, generation desc
        limit $4::int8
    )
    union all
    (
        select
            trigger_id, generation, slot, decision, reason, until, slot_count, decided_at, run_ids,
            caused_by, events
        from stretch
    )
) as entry
order by slot desc, generation desc
limit $4::int8;
