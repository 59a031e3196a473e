-- list_stalled_triggers: triggers that wait for the end of runs although none is live: with held
--     runs, or with a delay that has not begun.
-- takes limit int8
-- returns trigger_id int8
-- index live_run_free_idx, live_run_limited_due_idx, live_run_firing_idx, trigger_delay_idx
select waiting.trigger_id
from (
    select run.trigger_id
    from callboard.live_run as run
    where run.state = 'queued'
        and not run.limited
        and run.due_at = 'infinity'
    union
    select run.trigger_id
    from callboard.live_run as run
    where run.state = 'queued'
        and run.limited
        and run.id > 0
        and run.due_at = 'infinity'
    union
    select trigger.id
    from callboard.trigger
    where trigger.state = 'active'
        and trigger.next_slot is null
        and trigger.schedule ->> 'kind' = 'delay'
) as waiting
where not exists (
        select
        from callboard.live_run as live
        where live.trigger_id = waiting.trigger_id
            and live.state <> 'parked'
            and (live.state <> 'queued' or live.due_at < 'infinity')
    )
order by waiting.trigger_id
limit $1::int8;
