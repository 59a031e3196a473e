-- get_now: the store's present.
-- takes now timestamptz (NULL: the database's clock)
-- returns now timestamptz
-- lock none
select coalesce($1::timestamptz, now()) as now;
