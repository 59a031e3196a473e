-- update_follower: move a follower of the events that the caller has locked.
-- takes name text, seq int8 (NULL: it follows nothing), now timestamptz (NULL: the database's
--     clock)
-- returns nothing
-- index follower_pkey
update callboard.follower
set
    seq = $2,
    moved_at = coalesce($3::timestamptz, now())
where name = $1;
