-- has_checkpoint_tables: whether the application's database has what batch jobs keep in it.
-- takes nothing
-- returns is_made bool
-- lock none
select
    to_regclass('application.callboard_checkpoint') is not null
    and to_regclass('application.callboard_skip') is not null as is_made;
