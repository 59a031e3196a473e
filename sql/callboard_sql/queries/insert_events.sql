-- insert_events: number events and store them as one batch.
-- takes count int8, records text (a JSON array of [type, run id, patch]), now timestamptz (NULL:
--     the database's clock), queued text (the literal of an int8[]: runs that were created, which
--     are told before the records)
-- returns first_seq int8
-- lock the table stream_head until the commit: commits follow each other in the order of the
--     numbers
insert into callboard.event_batch (first_seq, last_seq, at, records, queued)
select
    taken.seq, taken.seq + $1::int8 - 1, coalesce($3::timestamptz, now()), $2::text::jsonb,
    $4::text::int8[]
from callboard.take_event_numbers() as taken (seq)
returning first_seq;
