-- get_run_pace: how far the ids of runs have come, and how fast they go lately.
-- takes nothing
-- returns last_id int8 (about the highest that was handed to a node), rest_id int8 (the highest in
--     the part without a range; NULL: it is empty), ids int8, seconds float8 (so many in so long;
--     NULL: too few have ended)
-- index ended_run_pkey
with newest as materialized (
    select run.id, run.created_at
    from callboard.ended_run as run
    order by run.id desc
    limit 1
),
earlier as materialized (
    select run.id, run.created_at
    from callboard.ended_run as run
    where run.id < (select newest.id - 100000 from newest)
    order by run.id desc
    limit 1
)
select
    block.last_value + 999 as last_id,
    (select max(rest.id) from callboard.ended_run_rest as rest) as rest_id,
    newest.id - earlier.id as ids,
    date_part('epoch', newest.created_at - earlier.created_at) as seconds
from callboard.run_id_block as block
left join newest on true
left join earlier on true;
