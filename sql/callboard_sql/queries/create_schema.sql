-- create_schema: the schema.
-- takes nothing
-- returns nothing
-- lock needs lock_schema
create schema if not exists callboard;
