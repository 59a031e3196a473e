insert into callboard.schema_migration (version, name) values (1, 'expand_core');

-- Names are compared by code point, in the database as in Python: collate "C".

create table callboard.job (
    id int8 generated always as identity primary key,
    group_name text collate "C" not null check (char_length(group_name) between 1 and 255),
    name text collate "C" not null check (char_length(name) between 1 and 255),
    kind text not null check (char_length(kind) between 1 and 255),
    spec jsonb not null,
    arguments jsonb not null,
    description text not null check (char_length(description) <= 10000),
    disabled boolean not null,
    retry jsonb not null,
    timeout_s float8 check (timeout_s > 0),
    max_concurrent_runs int4 check (max_concurrent_runs >= 1),
    limited boolean not null generated always as (max_concurrent_runs is not null) stored,
    on_crash text not null check (on_crash in ('retry', 'fail', 'park')),
    labels jsonb not null,
    version int8 not null check (version >= 1),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint job_name_key unique (group_name, name),
    constraint job_limited_key unique (limited, id)
);
comment on column callboard.job.limited is
    'Copied to the job''s live runs, so that claims can tell them apart without a join.';
comment on constraint job_limited_key on callboard.job is
    'Makes "limited" a key column: an update of it waits for everybody who holds the job FOR KEY SHARE, which is what insert_runs does before it copies the value.';

create table callboard.trigger (
    id int8 generated always as identity primary key,
    group_name text collate "C" not null check (char_length(group_name) between 1 and 255),
    name text collate "C" not null check (char_length(name) between 1 and 255),
    schedule jsonb not null,
    actions jsonb not null,
    description text not null check (char_length(description) <= 10000),
    misfire jsonb not null,
    overlap jsonb not null,
    start_at timestamptz,
    end_at timestamptz,
    max_firings int8 check (max_firings >= 1),
    jitter_s float8 not null check (jitter_s >= 0),
    state text not null check (state in ('inactive', 'active', 'paused', 'completed', 'parked')),
    reason text,
    next_slot timestamptz,
    last_slot timestamptz,
    firings int8 not null check (firings >= 0),
    generation int8 not null check (generation >= 1),
    anchor_at timestamptz,
    version int8 not null check (version >= 1),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint trigger_name_key unique (group_name, name),
    constraint trigger_window_check check (end_at > start_at)
) with (fillfactor = 80);
comment on column callboard.trigger.next_slot is
    'The next slot to decide; null: nothing is to come.';
comment on column callboard.trigger.last_slot is
    'The last slot that was decided.';
comment on column callboard.trigger.generation is
    'Counts changes of the timing; part of every slot''s identity.';
comment on column callboard.trigger.anchor_at is
    'Activation of this generation: where intervals without an anchor of their own count from.';
comment on column callboard.trigger.reason is
    'Why it is parked.';

create index trigger_due_idx on callboard.trigger (next_slot, id)
    where state in ('active', 'paused');

create table callboard.trigger_job (
    group_name text collate "C" not null,
    job text collate "C" not null,
    trigger_id int8 not null references callboard.trigger (id) on delete cascade,
    primary key (group_name, job, trigger_id)
);
comment on table callboard.trigger_job is
    'Which triggers have an action on which job: an index over trigger.actions that an advancing trigger need not touch.';

create index trigger_job_trigger_idx on callboard.trigger_job (trigger_id);

create table callboard.ledger (
    trigger_id int8 not null,
    slot timestamptz not null,
    generation int8 not null,
    until timestamptz,
    slot_count int8 not null,
    decision text not null check (decision in ('fired', 'skipped')),
    reason text check (reason in ('paused', 'misfire', 'overlap', 'calendar', 'dst_gap', 'limit', 'disabled', 'coalesced', 'capped')),
    decided_at timestamptz not null,
    run_ids int8[] not null,
    primary key (trigger_id, slot, generation),
    constraint ledger_reasoned_check check ((reason is null) = (decision = 'fired')),
    constraint ledger_stretch_check check (
        (until is null and slot_count = 1)
        or (until > slot and slot_count > 1 and decision = 'skipped')
    )
);
comment on table callboard.ledger is
    'What became of each slot. The primary key is guarantee 1: a slot is decided once. Rows outlive their trigger.';
comment on column callboard.ledger.until is
    'Last slot of a stretch of skipped ones; null: a single slot.';
comment on column callboard.ledger.slot_count is
    'Slots in the stretch, both ends included.';
comment on column callboard.ledger.run_ids is
    'Runs that the slot started, in the order of the trigger''s actions.';

create index ledger_slot_idx on callboard.ledger (slot);
create index ledger_stretch_idx on callboard.ledger (trigger_id, until) where until is not null;

create sequence callboard.run_id_block increment 100 minvalue 1 maxvalue 9007199254740801;
comment on sequence callboard.run_id_block is
    'First of 100 consecutive run ids, handed to one node to give out.';

create table callboard.live_run (
    id int8 primary key check (id between 1 and 9007199254740991),
    job_id int8 not null,
    job text collate "C" not null check (char_length(job) between 1 and 255),
    group_name text collate "C" not null check (char_length(group_name) between 1 and 255),
    trigger_id int8,
    trigger text collate "C" check (char_length(trigger) between 1 and 255),
    slot timestamptz,
    state text not null check (state in ('queued', 'running', 'stopping', 'lost', 'parked')),
    attempt int4 not null check (attempt >= 1),
    previous_run_id int8,
    chain_id int8 not null,
    arguments jsonb not null,
    error jsonb,
    progress jsonb,
    node text,
    epoch int8,
    crashes int4 not null check (crashes >= 0),
    unique_key text collate "C" check (octet_length(unique_key) <= 2000),
    stop_mode text check (stop_mode in ('cooperative', 'kill')),
    stop_grace_s float8 check (stop_grace_s >= 0),
    trace_id text not null check (char_length(trace_id) <= 64),
    limited boolean not null,
    created_at timestamptz not null,
    due_at timestamptz not null,
    started_at timestamptz,
    constraint live_run_queued_check check (state <> 'queued' or epoch is null),
    constraint live_run_held_check check (
        state not in ('running', 'stopping', 'lost')
        or (epoch is not null and node is not null and started_at is not null)
    )
) with (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05
);
comment on table callboard.live_run is
    'Runs that have not ended: small, hot, and left in the statement that writes ended_run.';
comment on column callboard.live_run.epoch is
    'The holder''s epoch: every write of a held run names it, so who lost the lease changes nothing.';
comment on column callboard.live_run.limited is
    'The job''s max_concurrent_runs is set; follows job.limited.';
comment on column callboard.live_run.crashes is
    'How often a node died under it.';
comment on column callboard.live_run.chain_id is
    'First run of the chain of retries, its own id where it is the first.';

create index live_run_free_idx on callboard.live_run (due_at, id)
    where state = 'queued' and not limited;
create index live_run_limited_idx on callboard.live_run (job_id, due_at, id)
    where state = 'queued' and limited;
create index live_run_limited_due_idx on callboard.live_run (due_at)
    where state = 'queued' and limited;
create index live_run_slot_idx on callboard.live_run (job_id)
    where state in ('running', 'stopping') and limited;
create index live_run_begun_idx on callboard.live_run (epoch, id)
    where state <> 'queued';
create unique index live_run_unique_idx on callboard.live_run (job_id, unique_key)
    where unique_key is not null;
create index live_run_job_idx on callboard.live_run (job_id, id)
    where state = 'queued';
create index live_run_group_idx on callboard.live_run (group_name, id)
    where state = 'queued';
create index live_run_trigger_idx on callboard.live_run (trigger, id)
    where state = 'queued' and trigger is not null;
create index live_run_chain_idx on callboard.live_run (chain_id, id)
    where previous_run_id is not null;
comment on index callboard.live_run_slot_idx is
    'Counts what a job with max_concurrent_runs has on nodes.';

create table callboard.ended_run (
    id int8 primary key,
    job_id int8 not null,
    job text collate "C" not null,
    group_name text collate "C" not null,
    trigger_id int8,
    trigger text collate "C",
    slot timestamptz,
    state text not null check (state in ('succeeded', 'failed', 'timed_out', 'stopped', 'abandoned')),
    attempt int4 not null,
    previous_run_id int8,
    chain_id int8 not null,
    arguments jsonb not null,
    result jsonb,
    error jsonb,
    progress jsonb,
    node text,
    epoch int8,
    crashes int4 not null,
    unique_key text collate "C",
    stop_mode text,
    stop_grace_s float8,
    trace_id text not null,
    created_at timestamptz not null,
    due_at timestamptz not null,
    started_at timestamptz,
    ended_at timestamptz not null
);
comment on table callboard.ended_run is
    'The history of runs: appended to; only "abandoned" changes a row, only the pruner removes one.';

create index ended_run_job_idx on callboard.ended_run (job, id);
create index ended_run_group_idx on callboard.ended_run (group_name, id);
create index ended_run_trigger_idx on callboard.ended_run (trigger, id) where trigger is not null;
create index ended_run_chain_idx on callboard.ended_run (chain_id, id)
    where previous_run_id is not null;
create index ended_run_unsuccessful_idx on callboard.ended_run (id) where state <> 'succeeded';
create index ended_run_ended_idx on callboard.ended_run (ended_at, id);

create view callboard.run as
select
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, null::jsonb as result, error, progress, node, epoch, crashes, unique_key,
    stop_mode, stop_grace_s, trace_id, created_at, due_at, started_at,
    null::timestamptz as ended_at
from callboard.live_run
union all
select
    id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
    chain_id, arguments, result, error, progress, node, epoch, crashes, unique_key,
    stop_mode, stop_grace_s, trace_id, created_at, due_at, started_at,
    ended_at
from callboard.ended_run;
comment on view callboard.run is
    'All runs, live and ended.';

create table callboard.run_log (
    run_id int8 not null,
    first_seq int8 not null check (first_seq >= 1),
    last_seq int8 not null,
    lines jsonb not null,
    primary key (run_id, first_seq),
    constraint run_log_seq_check check (last_seq >= first_seq)
);
comment on column callboard.run_log.lines is
    'Array of [microseconds since 1970, stream, level, text]; the i-th line has the number first_seq + i.';

create sequence callboard.node_epoch;

create table callboard.node (
    epoch int8 primary key default nextval('callboard.node_epoch'),
    name text collate "C" not null check (char_length(name) between 1 and 255),
    host text not null,
    pid int8 not null,
    version text not null,
    capacity int4 not null check (capacity >= 0),
    started_at timestamptz not null,
    lease_until timestamptz not null,
    constraint node_name_key unique (name)
) with (fillfactor = 50);
alter sequence callboard.node_epoch owned by callboard.node.epoch;
comment on column callboard.node.epoch is
    'Unique for each start of a node. While its lease runs the epoch is live; after that it never is again.';

create table callboard.stream_head (
    seq int8 not null check (seq >= 0),
    only_row boolean primary key default true check (only_row)
) with (fillfactor = 10, autovacuum_vacuum_threshold = 100, autovacuum_vacuum_scale_factor = 0);
comment on table callboard.stream_head is
    'The number of the newest event. Its row lock puts the commits of all writers of events in one order, so that their numbers have no gaps and appear in order.';
insert into callboard.stream_head (seq) values (0);

create table callboard.event_batch (
    first_seq int8 primary key,
    last_seq int8 not null,
    at timestamptz not null,
    records jsonb not null,
    constraint event_batch_seq_check check (last_seq >= first_seq)
);
comment on column callboard.event_batch.records is
    'Array of [type, run id, patch]; the i-th event has the number first_seq + i.';

create table callboard.idempotency_key (
    key text collate "C" primary key check (octet_length(key) <= 2000),
    digest text not null,
    status int4,
    answer bytea,
    run_ids int8[] not null,
    created_at timestamptz not null
);
comment on column callboard.idempotency_key.status is
    'HTTP status of the answer; null while it is being worked on.';

create index idempotency_key_created_idx on callboard.idempotency_key (created_at);
