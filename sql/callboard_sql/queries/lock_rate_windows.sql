-- lock_rate_windows: what happened lately of what has a rate, kept for us until the commit.
-- takes names text[] (ascending, each once), now timestamptz (NULL: the database's clock)
-- returns name text, marks text
-- index rate_window_pkey
-- lock the rows, which are made where there are none, in the order given
insert into callboard.rate_window as present (name, marks, updated_at)
select wanted.name, '[]', coalesce($2::timestamptz, now())
from unnest($1::text[]) with ordinality as wanted (name, place)
order by wanted.place
on conflict (name) do update
set name = present.name
returning present.name, present.marks::text as marks;
