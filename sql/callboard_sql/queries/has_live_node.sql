-- has_live_node: whether the lease of a node runs.
-- takes now timestamptz (NULL: the database's clock)
-- returns has_live_node bool
-- index none: there are few nodes
select exists (
    select
    from callboard.node
    where lease_until > coalesce($1::timestamptz, now())
) as has_live_node;
