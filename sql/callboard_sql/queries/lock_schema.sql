-- lock_schema: keep other starters out until the commit, before there is a table to lock.
-- takes nothing
-- returns locked text (empty)
-- lock a transaction's advisory lock, released by the commit
select pg_advisory_xact_lock(hashtextextended('callboard.schema_migration', 0))::text as locked;
