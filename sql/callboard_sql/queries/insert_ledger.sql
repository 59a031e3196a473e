-- insert_ledger: write what became of slots.
-- takes trigger_ids int8[], slots timestamptz[], generations int8[], untils timestamptz[],
--     slot_counts int8[], decisions text[], reasons text[], decided_ats timestamptz[] (NULL:
--     now), run_ids text[] (array literals), now timestamptz (NULL: the database's clock)
-- returns nothing
-- index ledger_pkey: a slot that has an entry fails the whole statement
insert into callboard.ledger (
    trigger_id, slot, generation, until, slot_count, decision, reason, decided_at, run_ids
)
select
    entry.trigger_id, entry.slot, entry.generation, entry.until, entry.slot_count,
    entry.decision, entry.reason,
    coalesce(entry.decided_at, $10::timestamptz, now()),
    entry.run_ids::int8[]
from unnest(
    $1::int8[], $2::timestamptz[], $3::int8[], $4::timestamptz[], $5::int8[],
    $6::text[], $7::text[], $8::timestamptz[], $9::text[]
) as entry (
    trigger_id, slot, generation, until, slot_count,
    decision, reason, decided_at, run_ids
);
