-- lock_follower: how far a follower of the events has got, and the newest number there is to read.
-- takes name text
-- returns seq int8 (NULL: it follows nothing), newest int8; no row: somebody else has it, or it
--     has never been
-- index follower_pkey
-- lock the follower, passing over it where another one has it
select
    follower.seq,
    coalesce(
        (
            select batch.last_seq
            from callboard.event_batch as batch
            order by batch.first_seq desc
            limit 1
        ),
        (select head.seq from callboard.stream_head as head)
    ) as newest
from callboard.follower
where follower.name = $1
for update of follower skip locked;
