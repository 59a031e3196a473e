-- update_live_runs: write the changeable fields of live runs that the caller has locked, a
--     hundred at most.
-- takes ids int8[], states text[], nodes text[], epochs int8[], crashes int4[], due_ats
--     timestamptz[], started_ats timestamptz[], stop_modes text[], stop_graces_s float8[],
--     progresses text[], errors text[], terms text[]
-- returns nothing
-- index live_run_pkey, also where the planner thinks the table empty
update callboard.live_run as run
set
    state = new.state,
    node = new.node,
    epoch = new.epoch,
    crashes = new.crashes,
    due_at = new.due_at,
    started_at = new.started_at,
    stop_mode = new.stop_mode,
    stop_grace_s = new.stop_grace_s,
    progress = new.progress::jsonb,
    error = new.error::jsonb,
    terms = new.terms::jsonb,
    queue = coalesce(new.terms::jsonb ->> 'queue', ''),
    concurrency_key = coalesce(new.terms::jsonb ->> 'concurrency_key', ''),
    priority = coalesce((new.terms::jsonb ->> 'priority')::int4, 0),
    wait_until = to_timestamp(
        least(
            (new.terms::jsonb ->> 'start_by')::float8,
            (new.terms::jsonb ->> 'chain_until')::float8
        )
    ),
    requeued = run.requeued or new.state = 'queued' and run.state <> 'queued'
from unnest(
    $1::int8[], $2::text[], $3::text[], $4::int8[], $5::int4[], $6::timestamptz[],
    $7::timestamptz[], $8::text[], $9::float8[], $10::text[], $11::text[],
    $12::text[]
) as new (
    id, state, node, epoch, crashes, due_at,
    started_at, stop_mode, stop_grace_s, progress, error, terms
)
where run.id = new.id
    and run.id = any($1);
