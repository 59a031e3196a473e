-- lock_conditions: one transaction at a time, cluster-wide, makes links between jobs.
-- takes nothing
-- returns locked text (empty)
-- lock a transaction's advisory lock, released by the commit: what the next statement reads is all
--     that those before have made
select pg_advisory_xact_lock(hashtextextended('callboard.condition_set', 0))::text as locked;
