-- list_firings: live firings of triggers, oldest first; parked runs do not count.
-- takes trigger_ids int8[]
-- returns trigger_id int8, run_ids int8[] (ascending), since timestamptz (its slot, or when
--     somebody asked for it), is_held bool (it waits for earlier ones), trace_id text
-- index live_run_firing_idx
select
    run.trigger_id,
    array_agg(run.id order by run.id) as run_ids,
    min(case when run.attempt = 1 then coalesce(run.slot, run.created_at) else run.created_at end)
        as since,
    bool_and(run.state = 'queued' and run.due_at = 'infinity') as is_held,
    run.trace_id
from callboard.live_run as run
where run.trigger_id = any($1::int8[])
    and run.state <> 'parked'
group by run.trigger_id, run.trace_id
order by run.trigger_id, min(run.id);
