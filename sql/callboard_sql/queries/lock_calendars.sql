-- lock_calendars: keep calendars from being changed or deleted until the commit.
-- takes group_names text[], names text[] (pairs)
-- returns id int8, group_name text, name text, description text, definition text, version int8,
--     created_at timestamptz, updated_at timestamptz
-- index calendar_name_key
-- lock for share, in the order of ids
select
    id, group_name, name, description, definition::text as definition, version, created_at,
    updated_at
from callboard.calendar
where id = any(
    array(
        select named.id
        from unnest($1::text[], $2::text[]) as wanted (group_name, name)
        join callboard.calendar as named
            on named.group_name = wanted.group_name
            and named.name = wanted.name
    )
)
order by id
for share;
