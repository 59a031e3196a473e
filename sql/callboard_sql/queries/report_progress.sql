-- report_progress: write what live runs said of their progress, if they are still held under the
--     given epoch.
-- takes ids int8[], progresses text[], epoch int8
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz, terms text
-- index live_run_pkey
-- lock the runs, in the order of ids
with held as materialized (
    select run.id
    from callboard.live_run as run
    where run.id = any($1::int8[])
        and run.epoch = $3::int8
        and coalesce(run.state, '') in ('running', 'stopping')  -- not for partial indexes to see
    order by run.id
    for update of run
)
update callboard.live_run as run
set progress = said.progress::jsonb
from unnest($1::int8[], $2::text[]) as said (id, progress)
where run.id = said.id
    and run.id = any(array(select held.id from held))
returning
    run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
    run.state, run.attempt, run.previous_run_id, run.chain_id,
    run.arguments::text as arguments, null::text as result, run.error::text as error,
    run.progress::text as progress, run.node, run.epoch, run.crashes, run.unique_key,
    run.stop_mode, run.stop_grace_s, run.trace_id, run.created_at, run.due_at, run.started_at,
    null::timestamptz as ended_at, run.terms::text as terms;
