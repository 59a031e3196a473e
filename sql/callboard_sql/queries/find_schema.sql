-- find_schema: whether the schema and its table of migrations are there.
-- takes nothing
-- returns has_schema bool, has_migrations bool
-- lock none
select
    to_regnamespace('callboard') is not null as has_schema,
    to_regclass('callboard.schema_migration') is not null as has_migrations;
