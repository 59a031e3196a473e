-- update_rate_windows: write what happened, of locked windows.
-- takes names text[], marks text[], now timestamptz (NULL: the database's clock)
-- returns nothing
-- index rate_window_pkey
update callboard.rate_window as present
set
    marks = changed.marks::jsonb,
    updated_at = coalesce($3::timestamptz, now())
from unnest($1::text[], $2::text[]) as changed (name, marks)
where present.name = changed.name;
