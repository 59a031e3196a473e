-- has_lease: whether the lease of a node runs.
-- takes epoch int8, now timestamptz (NULL: the database's clock)
-- returns has_lease bool
-- index node_pkey
select exists (
    select
    from callboard.node
    where epoch = $1
        and lease_until > coalesce($2::timestamptz, now())
) as has_lease;
