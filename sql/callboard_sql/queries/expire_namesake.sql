-- expire_namesake: take the lease of a node away that is over, so that its name is free.
-- takes name text, now timestamptz (NULL: the database's clock)
-- returns epoch int8; no row: nobody has that name, or its lease runs
-- index node_name_key (name) where not expired
update callboard.node
set
    expired = true,
    lease_until = least(lease_until, started_at)
where name = $1
    and not expired
    and lease_until <= coalesce($2::timestamptz, now())
returning epoch;
