-- insert_follower: make a follower of the events that follows nothing yet.
-- takes name text, now timestamptz (NULL: the database's clock)
-- returns name text; no row: it is there already
-- index follower_pkey: looked at first, for an insert that finds a row waits for who has it locked
insert into callboard.follower (name, moved_at)
select $1, coalesce($2::timestamptz, now())
where not exists (
    select
    from callboard.follower as present
    where present.name = $1
)
on conflict (name) do nothing
returning name;
