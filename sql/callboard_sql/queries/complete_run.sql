-- complete_run: say that a run's work is done, in the transaction that does it.
-- takes run_id text, epoch text, completed text (a JSON object with the result)
-- returns id int8; no row: the run is not this node's any more, or was completed before
-- index live_run_pkey
-- lock the run until the caller's commit: whoever wants to end or stop it waits
update callboard.live_run
set completed = $3::text::jsonb
where id = $1::text::int8
    and epoch = $2::text::int8
    and coalesce(state, '') in ('running', 'stopping')  -- not for the partial indexes to see
    and completed is null
returning id;
