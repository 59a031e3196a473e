-- get_event_range: the oldest event number that is stored and the newest that was given.
-- takes nothing
-- returns oldest int8, newest int8
-- index event_batch_pkey
select
    coalesce((select min(first_seq) from callboard.event_batch), head.seq + 1) as oldest,
    head.seq as newest
from callboard.stream_head as head;
