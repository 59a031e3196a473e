-- lock_job_room: one transaction at a time, cluster-wide, counts runs of a job to start more.
-- takes job_ids int8[]
-- returns locked text (empty); one row for each
-- lock advisory locks of the transaction, in the order of their keys, released by the commit: what
--     the next statement counts is all that those before have started. Not the rows of the jobs:
--     a claim passes over a job whose row somebody has
select pg_advisory_xact_lock(room.key)::text as locked
from (
    select hashtextextended('callboard.job_room.' || given.job_id, 0) as key
    from unnest($1::int8[]) as given (job_id)
    order by key
) as room;
