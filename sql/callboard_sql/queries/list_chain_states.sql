-- list_chain_states: runs of chains with their states, by chain and id.
-- takes chain_ids int8[]
-- returns chain_id int8, id int8, state text
-- index live_run_pkey, live_run_chain_idx, ended_run_pkey, ended_run_chain_idx
select chain_id, id, state
from (
    select run.chain_id, run.id, run.state
    from callboard.live_run as run
    where run.id = any($1::int8[])
        and run.previous_run_id is null
    union all
    select run.chain_id, run.id, run.state
    from callboard.live_run as run
    where run.chain_id = any($1::int8[])
        and run.previous_run_id is not null
    union all
    select run.chain_id, run.id, run.state
    from callboard.ended_run as run
    where run.id = any($1::int8[])
        and run.previous_run_id is null
    union all
    select run.chain_id, run.id, run.state
    from callboard.ended_run as run
    where run.chain_id = any($1::int8[])
        and run.previous_run_id is not null
) as run
order by chain_id, id;
