-- list_migrations: the migrations that the database has had.
-- takes nothing
-- returns version int4, name text
-- index schema_migration_pkey
select version, name
from callboard.schema_migration
order by version;
