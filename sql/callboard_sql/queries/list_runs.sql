-- list_runs: runs, newest first.
-- takes states text[], created_from timestamptz, created_until timestamptz (not included),
--     before_id int8, limit int8, group_name text, job text, trigger text, chain_id int8 (NULL,
--     but for limit: any)
-- returns id int8, job text, group_name text, job_id int8, trigger text, trigger_id int8, slot
--     timestamptz, state text, attempt int4, previous_run_id int8, chain_id int8, arguments text,
--     result text, error text, progress text, node text, epoch int8, crashes int4, unique_key
--     text, stop_mode text, stop_grace_s float8, trace_id text, created_at timestamptz, due_at
--     timestamptz, started_at timestamptz, ended_at timestamptz, terms text
-- index live_run_pkey, live_run_begun_idx, ended_run_pkey, ended_run_unsuccessful_idx; a branch
--     without a wanted state is not run
select
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, result, error, progress, node, epoch, crashes, unique_key, stop_mode,
    stop_grace_s, trace_id, created_at, due_at, started_at, ended_at, terms
from (
    (
        select
            run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
            run.state, run.attempt, run.previous_run_id, run.chain_id,
            run.arguments::text as arguments, null::text as result, run.error::text as error,
            run.progress::text as progress, run.node, run.epoch, run.crashes, run.unique_key,
            run.stop_mode, run.stop_grace_s, run.trace_id, run.created_at, run.due_at,
            run.started_at, null::timestamptz as ended_at, run.terms::text as terms
        from callboard.live_run as run
        where run.state = 'queued'
            and ($1::text[] is null or 'queued' = any($1))
            and ($6::text is null or run.group_name = $6)
            and ($7::text is null or run.job = $7)
            and ($8::text is null or run.trigger = $8)
            and ($9::int8 is null or run.chain_id = $9)
            and ($2::timestamptz is null or run.created_at >= $2)
            and ($3::timestamptz is null or run.created_at < $3)
            and run.id < coalesce($4::int8, 9007199254740992)
        order by run.id desc
        limit $5::int8
    )
    union all
    (
        select
            run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
            run.state, run.attempt, run.previous_run_id, run.chain_id,
            run.arguments::text as arguments, null::text as result, run.error::text as error,
            run.progress::text as progress, run.node, run.epoch, run.crashes, run.unique_key,
            run.stop_mode, run.stop_grace_s, run.trace_id, run.created_at, run.due_at,
            run.started_at, null::timestamptz as ended_at, run.terms::text as terms
        from callboard.live_run as run
        where run.id = any(
            array(
                select begun.id
                from (
                    select run.id
                    from callboard.live_run as run
                    where run.state <> 'queued'
                        and ($1::text[] is null or run.state = any($1))
                        and ($6::text is null or run.group_name = $6)
                        and ($7::text is null or run.job = $7)
                        and ($8::text is null or run.trigger = $8)
                        and ($9::int8 is null or run.chain_id = $9)
                        and ($2::timestamptz is null or run.created_at >= $2)
                        and ($3::timestamptz is null or run.created_at < $3)
                        and run.id < coalesce($4::int8, 9007199254740992)
                    offset 0
                ) as begun
                order by begun.id desc
                limit $5::int8
            )
        )
    )
    union all
    (
        select
            run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
            run.state, run.attempt, run.previous_run_id, run.chain_id,
            run.arguments::text as arguments, run.result::text as result,
            run.error::text as error, run.progress::text as progress, run.node, run.epoch,
            run.crashes, run.unique_key, run.stop_mode, run.stop_grace_s, run.trace_id,
            run.created_at, run.due_at, run.started_at, run.ended_at, run.terms::text as terms
        from callboard.ended_run as run
        where run.state = 'succeeded'
            and ($1::text[] is null or 'succeeded' = any($1))
            and ($6::text is null or run.group_name = $6)
            and ($7::text is null or run.job = $7)
            and ($8::text is null or run.trigger = $8)
            and ($9::int8 is null or run.chain_id = $9)
            and ($2::timestamptz is null or run.created_at >= $2)
            and ($3::timestamptz is null or run.created_at < $3)
            and run.id < coalesce($4::int8, 9007199254740992)
        order by run.id desc
        limit $5::int8
    )
    union all
    (
        select
            run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
            run.state, run.attempt, run.previous_run_id, run.chain_id,
            run.arguments::text as arguments, run.result::text as result,
            run.error::text as error, run.progress::text as progress, run.node, run.epoch,
            run.crashes, run.unique_key, run.stop_mode, run.stop_grace_s, run.trace_id,
            run.created_at, run.due_at, run.started_at, run.ended_at, run.terms::text as terms
        from callboard.ended_run as run
        where run.state <> 'succeeded'
            and (
                $1::text[] is null
                or $1 && array['succeeded', 'failed', 'timed_out', 'stopped', 'abandoned']
            )
            and ($1::text[] is null or run.state = any($1))
            and ($6::text is null or run.group_name = $6)
            and ($7::text is null or run.job = $7)
            and ($8::text is null or run.trigger = $8)
            and ($9::int8 is null or run.chain_id = $9)
            and ($2::timestamptz is null or run.created_at >= $2)
            and ($3::timestamptz is null or run.created_at < $3)
            and run.id < coalesce($4::int8, 9007199254740992)
        order by run.id desc
        limit $5::int8
    )
) as run
order by id desc
limit $5::int8;
