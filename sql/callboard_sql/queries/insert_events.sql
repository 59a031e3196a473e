-- insert_events: number events and store them as one batch.
-- takes count int8, records text (a JSON array of [type, run id, patch]), now timestamptz (NULL:
--     the database's clock)
-- returns first_seq int8
-- lock the row of stream_head until the commit: commits follow each other in the order of the
--     numbers
with head as (
    update callboard.stream_head
    set seq = seq + $1::int8
    returning seq
)
insert into callboard.event_batch (first_seq, last_seq, at, records)
select head.seq - $1::int8 + 1, head.seq, coalesce($3::timestamptz, now()), $2::text::jsonb
from head
returning first_seq;
