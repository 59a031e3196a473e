-- prune_events: remove the oldest batches, without leaving a hole behind one that stays. The
--     newest one always stays: the next numbers are counted from it. What a follower has not read
--     stays until it is older than another instant.
-- takes before timestamptz, limit int8, unread_before timestamptz
-- returns batches int8
-- index event_batch_pkey
with oldest as materialized (
    select first_seq, last_seq, at
    from callboard.event_batch
    order by first_seq
    limit $2::int8
),
gone as (
    delete from callboard.event_batch
    where first_seq = any(
        array(
            select oldest.first_seq
            from oldest
            where oldest.first_seq < least(
                (
                    select min(kept.first_seq)
                    from oldest as kept
                    where kept.at >= $1
                        or kept.at >= $3::timestamptz
                        and kept.last_seq > (select min(follower.seq) from callboard.follower)
                ),
                (
                    select newest.first_seq
                    from callboard.event_batch as newest
                    order by newest.first_seq desc
                    limit 1
                )
            )
        )
    )
    returning first_seq
)
select count(*) as batches
from gone;
