-- put_batch_moves: record moves of an instance, in place of those of the same node and visit; they
--     become the last ones, in the order in which they are given.
-- takes instance_id int8, nodes text[], visits int4[], run_ids int8[], codes text[], targets
--     text[], ats timestamptz[] (NULL: now), now timestamptz (NULL: the database's clock)
-- returns nothing
-- index batch_move_pkey
insert into callboard.batch_move (instance_id, node, visit, run_id, code, target, at)
select
    $1::int8, new.node, new.visit, new.run_id, new.code, new.target::jsonb,
    coalesce(new.at, $8::timestamptz, now())
from unnest($2::text[], $3::int4[], $4::int8[], $5::text[], $6::text[], $7::timestamptz[])
    with ordinality as new (node, visit, run_id, code, target, at, place)
order by new.place
on conflict (instance_id, node, visit) do update
set
    run_id = excluded.run_id,
    code = excluded.code,
    target = excluded.target,
    at = excluded.at,
    number = excluded.number;
