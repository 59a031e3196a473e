-- get_event_range: the oldest event number that is stored and the newest that was given.
-- takes nothing
-- returns oldest int8, newest int8
-- index event_batch_pkey
select
    coalesce(
        (
            select batch.first_seq
            from callboard.event_batch as batch
            order by batch.first_seq
            limit 1
        ),
        head.seq + 1
    ) as oldest,
    coalesce(
        (
            select batch.last_seq
            from callboard.event_batch as batch
            order by batch.first_seq desc
            limit 1
        ),
        head.seq
    ) as newest
from callboard.stream_head as head;
