-- lock_bookmarks: one transaction at a time has a job's bookmark, also one that is not there yet.
-- takes job_ids int8[] (ascending)
-- returns locked text (empty)
-- lock transactions' advisory locks, in the order given, released by the commit: what the next
--     statement reads is all that those before have made
select pg_advisory_xact_lock(hashtextextended('callboard.bookmark', wanted.job_id))::text as locked
from (
    select given.job_id
    from unnest($1::int8[]) with ordinality as given (job_id, place)
    order by given.place
) as wanted;
