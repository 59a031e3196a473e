-- lock_overdue_runs: queued runs that may not wait any longer, the first ones first.
-- takes limit int8, now timestamptz (NULL: the database's clock)
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz, terms text
-- index live_run_overdue_idx (wait_until) where wait_until is not null and state = 'queued'
-- lock the runs; those that others hold are passed over, for they are claimed or stopped just now
select
    run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
    run.state, run.attempt, run.previous_run_id, run.chain_id,
    run.arguments::text as arguments, null::text as result, run.error::text as error,
    run.progress::text as progress, run.node, run.epoch, run.crashes, run.unique_key,
    run.stop_mode, run.stop_grace_s, run.trace_id, run.created_at, run.due_at, run.started_at,
    null::timestamptz as ended_at, run.terms::text as terms
from callboard.live_run as run
where run.state = 'queued'
    and run.wait_until <= coalesce($2::timestamptz, now())
order by run.wait_until
limit $1::int8
for update of run skip locked;
