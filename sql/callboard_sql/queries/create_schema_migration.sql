-- create_schema_migration: the table in which every migration first inserts its number.
-- takes nothing
-- returns nothing
-- lock needs lock_schema
create table if not exists callboard.schema_migration (
    version int4 primary key check (version >= 1),
    name text not null,
    applied_at timestamptz not null default now()
);
