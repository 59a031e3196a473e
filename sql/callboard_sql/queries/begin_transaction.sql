-- begin_transaction: the transaction's instant, and blocks of run ids where the store runs low.
-- takes blocks int4, now timestamptz (NULL: the database's clock)
-- returns now timestamptz, first_ids int8[] (each the first of 1000)
-- lock none
select
    coalesce($2::timestamptz, now()) as now,
    array(
        select nextval('callboard.run_id_block')
        from generate_series(1, $1::int4)
    ) as first_ids;
