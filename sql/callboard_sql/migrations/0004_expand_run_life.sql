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
alter table callboard.job add constraint job_limited_key unique (limited, id);
comment on constraint job_limited_key on callboard.job is
    'Makes "limited" a key column: an update of it waits for everybody who holds the job FOR KEY SHARE, which is what insert_runs does before it copies the value.';

-- Runs

alter table callboard.live_run add column terms jsonb;
comment on column callboard.live_run.terms is
    'Under which it was started, unless they are the usual ones: priority, queue, concurrency_key, start_by and chain_until (seconds since 1970), and the timeouts that make them anew. With terms it is limited.';
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

create table callboard.queue (
    id int8 generated always as identity primary key,
    group_name text collate "C" not null check (char_length(group_name) between 1 and 255),
    name text collate "C" not null check (char_length(name) between 1 and 255),
    description text not null check (char_length(description) <= 10000),
    capacity int4 check (capacity >= 1),
    rate_runs int4 check (rate_runs >= 1),
    rate_per_s float8 check (rate_per_s > 0),
    paused boolean not null,
    version int8 not null check (version >= 1),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint queue_name_key unique (group_name, name),
    constraint queue_rate_check check ((rate_runs is null) = (rate_per_s is null))
);
comment on table callboard.queue is
    'What the runs of jobs that name it share. Whoever claims some of a limited one has locked its row.';

create index job_queue_idx on callboard.job (group_name, (rules ->> 'queue'), name)
    where rules ? 'queue';
comment on index callboard.job_queue_idx is
    'Jobs that name a queue, for whoever wants to delete it.';

create table callboard.rate_window (
    name text collate "C" primary key check (char_length(name) <= 255),
    marks jsonb not null,
    updated_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 100);
comment on table callboard.rate_window is
    'What happened lately of what is limited by "so many within a time": job:ID and queue:ID (starts), retry:ID (retries of a job).';
comment on column callboard.rate_window.marks is
    'Ascending pairs [microseconds since 1970, how many]; some 64 of them at the most.';

alter table callboard.live_run
    add column queue text collate "C" not null default '',
    add column concurrency_key text collate "C" not null default '',
    add column priority int4 not null default 0,
    add column wait_until timestamptz;
comment on column callboard.live_run.queue is
    'Of the terms, as are concurrency_key and priority, and written with them: with job_id they are the lane that the run waits in, within which the order of claims is that of due_at and id. Not generated columns: PostgreSQL 18 reads the expressions of those again for every row that is updated.';
comment on column callboard.live_run.wait_until is
    'The earlier one of the terms'' start_by and chain_until, written with them: from then on it is not claimed any more, it is to end as timed_out.';

drop index callboard.live_run_limited_idx;
create index live_run_lane_idx
    on callboard.live_run (job_id, queue, concurrency_key, priority, due_at, id)
    where state = 'queued' and limited;
drop index callboard.live_run_slot_idx;
create index live_run_slot_idx on callboard.live_run (job_id, concurrency_key)
    where state in ('running', 'stopping') and limited;
comment on index callboard.live_run_slot_idx is
    'Counts what a job, or a key of it, has on nodes.';
create index live_run_queue_slot_idx on callboard.live_run (group_name, queue)
    where state in ('running', 'stopping') and limited and queue > '';
comment on index callboard.live_run_queue_slot_idx is
    'Counts what a queue has on nodes.';
create index live_run_queue_idx on callboard.live_run (group_name, queue)
    where state = 'queued' and limited and queue > '';
comment on index callboard.live_run_queue_idx is
    'Counts what waits in a queue, for whoever looks at it.';

-- Timeouts of runs that wait

create index live_run_overdue_idx on callboard.live_run (wait_until)
    where wait_until is not null and state = 'queued';
comment on index callboard.live_run_overdue_idx is
    'Which runs have waited for too long.';

-- Webhooks

create table callboard.webhook (
    id int8 generated always as identity primary key,
    group_name text collate "C" not null check (char_length(group_name) between 1 and 255),
    name text collate "C" not null check (char_length(name) between 1 and 255),
    definition jsonb not null,
    version int8 not null check (version >= 1),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint webhook_name_key unique (group_name, name)
);
comment on column callboard.webhook.definition is
    'Object: url, events, job, trigger, secret (a reference), description, disabled.';

create table callboard.webhook_delivery (
    id int8 generated always as identity primary key,
    webhook_id int8 not null references callboard.webhook (id) on delete cascade,
    event text not null,
    subject text not null check (char_length(subject) <= 1000),
    payload jsonb not null,
    state text not null check (state in ('queued', 'delivered', 'failed')),
    attempts int4 not null check (attempts >= 0),
    due_at timestamptz not null,
    status int4,
    error text,
    created_at timestamptz not null,
    ended_at timestamptz,
    constraint webhook_delivery_once_key unique (webhook_id, subject, event),
    constraint webhook_delivery_ended_check check ((ended_at is null) = (state = 'queued'))
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
comment on column callboard.webhook_delivery.subject is
    'What the message is about: of each there is one.';
create index webhook_delivery_due_idx on callboard.webhook_delivery (due_at)
    where state = 'queued';
create index webhook_delivery_log_idx on callboard.webhook_delivery (webhook_id, id);
create index webhook_delivery_ended_idx on callboard.webhook_delivery (ended_at)
    where state <> 'queued';

create table callboard.failing_job (
    job_id int8 primary key,
    run_id int8 not null,
    since timestamptz not null
);
comment on table callboard.failing_job is
    'Jobs that webhooks watch and whose last chain did not succeed.';

-- Deadlines

alter table callboard.trigger add column deadlines jsonb;
comment on column callboard.trigger.deadlines is
    'Seconds after a slot within which its runs have to start and to finish: start_within_s, finish_within_s; null: they need not.';

create index trigger_deadlines_idx on callboard.trigger (id)
    where deadlines is not null;

create table callboard.deadline_check (
    trigger_id int8 not null references callboard.trigger (id) on delete cascade,
    kind text not null check (kind in ('start', 'finish')),
    checked_until timestamptz not null,
    primary key (trigger_id, kind)
) with (fillfactor = 50);
comment on column callboard.deadline_check.checked_until is
    'The slots up to this instant have been looked at, each when its time was over.';

-- Starts within a caller's own transaction

create table callboard.start_request (
    run_id int8 primary key check (run_id between 1 and 9007199254740991),
    job_id int8 not null,
    job text collate "C" not null,
    group_name text collate "C" not null,
    arguments jsonb not null,
    due_at timestamptz,
    unique_key text collate "C" check (octet_length(unique_key) <= 2000),
    priority int4,
    trace_id text not null check (char_length(trace_id) <= 64),
    created_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
comment on table callboard.start_request is
    'Runs that callers start in transactions of their own: rows of others'' transactions, seen when those are committed, and then made into runs. Numbering their events at once would make everybody wait for such a transaction.';

alter table callboard.live_run add column completed jsonb;
comment on column callboard.live_run.completed is
    'Object with the "result": the run''s work was committed, in the same transaction as this. However it ends, it has succeeded.';

-- Followers of the stream: conditional triggers, notifications

create table callboard.follower (
    name text collate "C" primary key check (char_length(name) between 1 and 255),
    seq int8 check (seq >= 0),
    moved_at timestamptz not null
);
comment on table callboard.follower is
    'How far somebody has got who follows the events for the whole cluster: whoever has the row locked goes on from there, and moves it in the transaction in which the events have their effects.';
comment on column callboard.follower.seq is
    'Number of the last event that was dealt with; null: there is nothing to look for, and no event is kept for it.';

create table callboard.condition_set (
    trigger_id int8 primary key references callboard.trigger (id) on delete cascade,
    generation int8 not null,
    since_seq int8 not null check (since_seq >= 0),
    job_ids int8[] not null,
    met jsonb not null
) with (fillfactor = 80);
comment on table callboard.condition_set is
    'What each conditional trigger watches, and has seen since its last slot.';
comment on column callboard.condition_set.generation is
    'Of the trigger; a set of another one means nothing.';
comment on column callboard.condition_set.since_seq is
    'Only events with greater numbers count: those after the activation, or the edit.';
comment on column callboard.condition_set.met is
    'Object: by the names of the jobs whose condition is met, the run that met it.';

alter table callboard.ledger add column caused_by int8[];
comment on column callboard.ledger.caused_by is
    'Runs whose ends met the conditions of a conditional trigger; null: of others.';
