-- read_events: whole batches that hold a number greater than the given one, ascending.
-- takes after int8, limit int8 (batches)
-- returns first_seq int8, at timestamptz, node text, ended int8[], ended_states text[], queued
--     int8[], started int8[], started_crashes int4[], records text
-- index event_batch_pkey
select
    first_seq, at, node, ended, ended_states, queued, started, started_crashes,
    records::text as records
from callboard.event_batch
where last_seq > $1
    and first_seq >= coalesce(
        (
            select max(first_seq)
            from callboard.event_batch
            where first_seq <= $1 + 1
        ),
        0
    )
order by first_seq
limit $2::int8;
