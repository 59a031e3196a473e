-- get_calendars: calendars by their names.
-- takes group_names text[], names text[] (pairs)
-- returns id int8, group_name text, name text, description text, definition text, version int8,
--     created_at timestamptz, updated_at timestamptz
-- index calendar_name_key
select
    calendar.id, calendar.group_name, calendar.name, calendar.description,
    calendar.definition::text as definition, calendar.version, calendar.created_at,
    calendar.updated_at
from unnest($1::text[], $2::text[]) as wanted (group_name, name)
join callboard.calendar
    on calendar.group_name = wanted.group_name
    and calendar.name = wanted.name;
