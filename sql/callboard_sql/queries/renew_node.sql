-- renew_node: prolong the lease of a node that nobody has taken away.
-- takes epoch int8, lease interval, now timestamptz (NULL: the database's clock), vitals text
--     (jsonb; NULL: as they are)
-- returns now timestamptz, lease_until timestamptz, live_nodes int8 (this one included); no row:
--     it was taken away, or the node was removed
-- index node_pkey
update callboard.node
set
    lease_until = coalesce($3::timestamptz, now()) + $2::interval,
    vitals = coalesce($4::text::jsonb, vitals)
where epoch = $1
    and not expired
returning
    coalesce($3::timestamptz, now()) as now,
    lease_until,
    1 + (
        select count(*)
        from callboard.node as other
        where other.lease_until > coalesce($3::timestamptz, now())
            and other.epoch <> $1
    ) as live_nodes;
