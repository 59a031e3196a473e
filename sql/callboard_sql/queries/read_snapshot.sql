-- read_snapshot: the newest event number and the live runs of the same moment, newest first.
-- takes limit int8
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz, terms text, seq int8; always at
--     least one row, its run NULL when none is live
-- index live_run_pkey, event_batch_pkey
select
    run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
    run.state, run.attempt, run.previous_run_id, run.chain_id, run.arguments, run.result,
    run.error, run.progress, run.node, run.epoch, run.crashes, run.unique_key, run.stop_mode,
    run.stop_grace_s, run.trace_id, run.created_at, run.due_at, run.started_at, run.ended_at,
    run.terms, head.seq
from (
    select coalesce(
        (
            select batch.last_seq
            from callboard.event_batch as batch
            order by batch.first_seq desc
            limit 1
        ),
        (select base.seq from callboard.stream_head as base)
    ) as seq
) as head
left join lateral (
    select
        live.id, live.job, live.group_name, live.job_id, live.trigger, live.trigger_id,
        live.slot, live.state, live.attempt, live.previous_run_id, live.chain_id,
        live.arguments::text as arguments, null::text as result, live.error::text as error,
        live.progress::text as progress, live.node, live.epoch, live.crashes, live.unique_key,
        live.stop_mode, live.stop_grace_s, live.trace_id, live.created_at, live.due_at,
        live.started_at, null::timestamptz as ended_at, live.terms::text as terms
    from callboard.live_run as live
    order by live.id desc
    limit $1::int8
) as run on true
order by run.id desc;
