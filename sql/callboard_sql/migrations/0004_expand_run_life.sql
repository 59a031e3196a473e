insert into callboard.schema_migration (version, name) values (4, 'expand_run_life');

-- The life of a run: rules of jobs, terms of runs.

-- Jobs

alter table callboard.job add column rules jsonb not null default '{}';
comment on column callboard.job.rules is
    'What it has beside the usual, and nothing else: fixed_arguments, parameters (JSON Schema), queue, priority, concurrency, rate_limit, queue_timeout_s, chain_timeout_s.';

alter table callboard.job drop column limited;
alter table callboard.job add column limited boolean not null generated always as (
    max_concurrent_runs is not null or rules ? 'concurrency' or rules ? 'rate_limit'
) stored;
comment on column callboard.job.limited is
    'Copied to the job''s live runs, so that claims can tell them apart without a join.';

-- Runs

alter table callboard.live_run add column terms jsonb;
comment on column callboard.live_run.terms is
    'Under which it was started, unless they are the usual ones: priority, queue, concurrency_key, start_by and chain_until (seconds since 1970). With terms it is limited.';
alter table callboard.ended_run add column terms jsonb;

drop view callboard.run;
create view callboard.run as
select
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, null::jsonb as result, error, progress, node, epoch, crashes, unique_key,
    stop_mode, stop_grace_s, trace_id, created_at, due_at, started_at,
    null::timestamptz as ended_at, terms
from callboard.live_run
union all
select
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, result, error, progress, node, epoch, crashes, unique_key,
    stop_mode, stop_grace_s, trace_id, created_at, due_at, started_at,
    ended_at, terms
from callboard.ended_run;
comment on view callboard.run is
    'All runs, live and ended.';

-- Limits: queues and rates (to the claim)

-- Starts within a caller's own transaction

-- Followers of the stream: conditional triggers, notifications
