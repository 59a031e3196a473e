-- insert_ledger: write what became of slots.
-- takes trigger_ids text (the literal of an int8[]), slots timestamptz[], generations int8[],
--     untils timestamptz[], slot_counts int8[], decisions text[], reasons text[], decided_ats
--     timestamptz[] (NULL: now), run_ids text[] (array literals), now timestamptz (NULL: the
--     database's clock), caused_bys text[] (array literals, or NULLs), events int8[] (or
--     NULLs); an array of one stands for all
-- returns nothing
-- index ledger_pkey: a slot that has an entry fails the whole statement
insert into callboard.ledger (
    trigger_id, slot, generation, until, slot_count, decision, reason, decided_at, run_ids,
    caused_by, events
)
select
    entry.trigger_id,
    coalesce(entry.slot, ($2::timestamptz[])[1]),
    coalesce(entry.generation, ($3::int8[])[1]),
    case
        when cardinality($4::timestamptz[]) = 1 then ($4::timestamptz[])[1]
        else entry.until
    end,
    coalesce(entry.slot_count, ($5::int8[])[1]),
    coalesce(entry.decision, ($6::text[])[1]),
    case when cardinality($7::text[]) = 1 then ($7::text[])[1] else entry.reason end,
    coalesce(
        case
            when cardinality($8::timestamptz[]) = 1 then ($8::timestamptz[])[1]
            else entry.decided_at
        end,
        $10::timestamptz, now()
    ),
    coalesce(entry.run_ids, ($9::text[])[1])::int8[],
    case
        when cardinality($11::text[]) = 1 then ($11::text[])[1]
        else entry.caused_by
    end::int8[],
    case when cardinality($12::int8[]) = 1 then ($12::int8[])[1] else entry.events end
from unnest(
    $1::text::int8[], $2::timestamptz[], $3::int8[], $4::timestamptz[], $5::int8[],
    $6::text[], $7::text[], $8::timestamptz[], $9::text[], $11::text[],
    $12::int8[]
) as entry (
    trigger_id, slot, generation, until, slot_count,
    decision, reason, decided_at, run_ids, caused_by, events
);
