-- insert_calendar: store a new calendar.
-- takes group_name text, name text, description text, definition text, now timestamptz (NULL: the
--     database's clock)
-- returns id int8, created_at timestamptz; no row: the name is taken
-- index calendar_name_key
insert into callboard.calendar (
    group_name, name, description, definition, version, created_at, updated_at
)
values (
    $1, $2, $3, $4::text::jsonb, 1,
    coalesce($5::timestamptz, now()), coalesce($5::timestamptz, now())
)
on conflict (group_name, name) do nothing
returning id, created_at;
