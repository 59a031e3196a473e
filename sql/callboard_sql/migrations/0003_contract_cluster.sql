insert into callboard.schema_migration (version, name) values (3, 'contract_cluster');

-- The order of events. A counter row that every commit updates gets slower with each version that
-- a long transaction elsewhere keeps alive; rows that are only added do not.

comment on table callboard.stream_head is
    'Locked, as a table, by whoever numbers events: so commits follow each other in the order of the numbers. Its row is never updated.';
comment on column callboard.stream_head.seq is
    'The number before that of the first batch, which is never removed while it is the only one.';

create function callboard.take_event_numbers() returns int8
    language plpgsql volatile
    as $$
    begin
        lock table callboard.stream_head in exclusive mode;
        return coalesce(
            (select batch.last_seq from callboard.event_batch as batch order by batch.first_seq desc limit 1),
            (select head.seq from callboard.stream_head as head)
        ) + 1;
    end
    $$;
comment on function callboard.take_event_numbers() is
    'The first number for a batch of events, to be stored in this transaction. Waits until the one before has been committed, and sees it, whatever the snapshot of the caller.';

alter table callboard.event_batch
    add column node text,
    add column ended int8[] not null default '{}',
    add column ended_states text[],
    add column queued int8[] not null default '{}',
    add column started int8[] not null default '{}',
    add column started_crashes int4[],
    alter column records set default '[]';
-- Ids compress badly, and at a twentieth of the cost of a whole cycle.
alter table callboard.event_batch
    alter column ended set storage external,
    alter column queued set storage external,
    alter column started set storage external,
    alter column started_crashes set storage external;
comment on column callboard.event_batch.records is
    'Array of [type, run id, patch]: the events behind those of ended, queued and started.';
comment on column callboard.event_batch.node is
    'Name of the node for which the runs of started were claimed.';
comment on column callboard.event_batch.ended is
    'Runs whose event says no more than their row in ended_run: the first numbers of the batch.';
comment on column callboard.event_batch.ended_states is
    'In which states they ended; null: all of them succeeded.';
comment on column callboard.event_batch.queued is
    'Runs that were created, and are queued: the numbers behind.';
comment on column callboard.event_batch.started is
    'Runs that were claimed at the instant of the batch: the numbers behind.';
comment on column callboard.event_batch.started_crashes is
    'How often a node had died under them; null: never.';

-- The hot table of runs.

alter table callboard.live_run
    add column requeued boolean not null default false;
comment on column callboard.live_run.requeued is
    'A node held it before, and may have stored some of its log.';

create index live_run_stopping_idx on callboard.live_run (epoch, id)
    where state = 'stopping';

-- Each index of queued runs costs every start a microsecond: a group's are found by its jobs.
drop index callboard.live_run_group_idx;

-- "id > 0" is always so. A statement that does not say it cannot take one of these indexes in place
-- of another, live_run_limited_idx, because both are empty at the moment.
drop index callboard.live_run_job_idx;
drop index callboard.live_run_limited_due_idx;
create index live_run_job_idx on callboard.live_run (job_id, id)
    where state = 'queued' and id > 0;
comment on index callboard.live_run_job_idx is
    'Queued runs of a job, for lists of them. A statement has to say "id > 0" to use it.';
create index live_run_limited_due_idx on callboard.live_run (due_at)
    where state = 'queued' and limited and id > 0;
comment on index callboard.live_run_limited_due_idx is
    'Whether runs of jobs with a limit are due. A statement has to say "id > 0" to use it.';

-- Copied from rows that are checked.
alter table callboard.live_run
    drop constraint live_run_job_check,
    drop constraint live_run_group_name_check,
    drop constraint live_run_trigger_check;

alter sequence callboard.run_id_block increment by 1000 maxvalue 9007199254739000;
comment on sequence callboard.run_id_block is
    'First of 1000 consecutive run ids, handed to one node to give out.';

-- The history of runs, in partitions by id: each is dropped as a whole when all of it is too old.

alter table callboard.ended_run rename to ended_run_0;
alter table callboard.ended_run_0 rename constraint ended_run_pkey to ended_run_0_pkey;
alter table callboard.ended_run_0 rename constraint ended_run_state_check to ended_run_0_state_check;
alter index callboard.ended_run_job_idx rename to ended_run_0_job_id_idx;
alter index callboard.ended_run_group_idx rename to ended_run_0_group_name_id_idx;
alter index callboard.ended_run_trigger_idx rename to ended_run_0_trigger_id_idx;
alter index callboard.ended_run_chain_idx rename to ended_run_0_chain_id_id_idx;
alter index callboard.ended_run_unsuccessful_idx rename to ended_run_0_id_idx;
drop index callboard.ended_run_ended_idx;
drop view callboard.run;

do $$
begin
    if not exists (select from callboard.ended_run_0) then
        drop table callboard.ended_run_0;
    end if;
end
$$;

create table callboard.ended_run (
    id int8 not null,
    job_id int8 not null,
    job text collate "C" not null,
    group_name text collate "C" not null,
    trigger_id int8,
    trigger text collate "C",
    slot timestamptz,
    state text not null constraint ended_run_state_check
        check (state in ('succeeded', 'failed', 'timed_out', 'stopped', 'abandoned')),
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
    ended_at timestamptz not null,
    constraint ended_run_pkey primary key (id)
) partition by range (id);
comment on table callboard.ended_run is
    'The history of runs: appended to; only "abandoned" changes a row, only the pruner removes one. Partitions by id, made ahead by the pruner.';

create index ended_run_job_idx on callboard.ended_run (job, id);
create index ended_run_group_idx on callboard.ended_run (group_name, id);
create index ended_run_trigger_idx on callboard.ended_run (trigger, id) where trigger is not null;
create index ended_run_chain_idx on callboard.ended_run (chain_id, id)
    where previous_run_id is not null;
create index ended_run_unsuccessful_idx on callboard.ended_run (id) where state <> 'succeeded';
create index ended_run_ended_idx on callboard.ended_run using brin (ended_at)
    with (pages_per_range = 32, autosummarize = on);

create table callboard.ended_run_rest partition of callboard.ended_run default;
comment on table callboard.ended_run_rest is
    'Runs for whose ids there was no partition in time.';

do $$
declare
    first_new int8 := (select last_value from callboard.run_id_block);
begin
    if to_regclass('callboard.ended_run_0') is not null then
        execute format(
            'alter table callboard.ended_run attach partition callboard.ended_run_0'
            ' for values from (minvalue) to (%s)', first_new
        );
        execute format(
            'create table callboard.ended_run_%s partition of callboard.ended_run'
            ' for values from (%s) to (%s)', first_new, first_new, first_new + 10000000
        );
    else
        execute format(
            'create table callboard.ended_run_0 partition of callboard.ended_run'
            ' for values from (minvalue) to (%s)', first_new + 10000000
        );
    end if;
end
$$;

create view callboard.run_partition as
select
    part.relname::text as name,
    substring(bound.text from 'FROM \(''([0-9]+)''\)')::int8 as from_id,
    substring(bound.text from 'TO \(''([0-9]+)''\)')::int8 as until_id
from pg_catalog.pg_inherits as tree
join pg_catalog.pg_class as part on part.oid = tree.inhrelid
cross join lateral pg_catalog.pg_get_expr(part.relpartbound, part.oid) as bound (text)
where tree.inhparent = 'callboard.ended_run'::regclass and bound.text <> 'DEFAULT';
comment on view callboard.run_partition is
    'The parts of the history that have a range of ids: from_id to until_id - 1; null: from the first id on.';

create function callboard.add_run_partition(from_id int8, until_id int8) returns boolean
    language plpgsql volatile
    as $$
    declare
        partition text := 'ended_run_' || from_id;
    begin
        perform set_config('lock_timeout', '200ms', true);
        lock table callboard.ended_run in share update exclusive mode;
        if to_regclass('callboard.' || partition) is not null then
            return false;
        end if;
        execute format(
            'create table callboard.%I (like callboard.ended_run including constraints)', partition
        );
        execute format(
            'alter table callboard.ended_run attach partition callboard.%I for values from (%s) to (%s)',
            partition, from_id, until_id
        );
        return true;
    end
    $$;
comment on function callboard.add_run_partition(int8, int8) is
    'Makes room for the history of the runs from_id to until_id - 1; whether it was not there already. Waits for locks a moment only.';

create function callboard.is_run_partition_over(partition text, ended_before timestamptz) returns boolean
    language plpgsql stable
    as $$
    declare
        is_over boolean;
    begin
        -- With the instant in its text the plan is made for it: a few young runs are found by the
        -- index on ended_at.
        execute format(
            'select not exists (select from callboard.%I where ended_at >= %L)', partition, ended_before
        ) into is_over;
        return is_over;
    end
    $$;
comment on function callboard.is_run_partition_over(text, timestamptz) is
    'Whether all runs of a part of the history ended before an instant.';

create function callboard.drop_run_partition(partition text) returns boolean
    language plpgsql volatile
    as $$
    begin
        perform set_config('lock_timeout', '200ms', true);
        lock table callboard.ended_run in share update exclusive mode;
        if partition !~ '^ended_run_[0-9]+$' or to_regclass('callboard.' || partition) is null then
            return false;
        end if;
        execute format('drop table callboard.%I', partition);
        return true;
    end
    $$;
comment on function callboard.drop_run_partition(text) is
    'Removes a part of the history; whether it was there. Waits for locks a moment only.';

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

-- Nodes and the scheduler's role.

alter table callboard.node
    add column fires boolean not null default true,
    add column executes boolean not null default true,
    add column expired boolean not null default false,
    add column vitals jsonb,
    drop constraint node_name_key;
create unique index node_name_key on callboard.node (name) where not expired;
comment on column callboard.node.fires is
    'Whether it takes part in deciding slots.';
comment on column callboard.node.expired is
    'Its lease was over, and somebody took it away: it cannot be renewed, its name is free. The row stays until all of its runs are decided.';
comment on column callboard.node.vitals is
    'What it was doing when it last renewed its lease: memory, and the stacks of the handlers that run.';

create table callboard.scheduler_lease (
    epoch int8 primary key,
    firing_until timestamptz not null,
    scheduling text not null constraint scheduler_lease_scheduling_check
        check (scheduling in ('shared', 'leader'))
) with (fillfactor = 50);
comment on table callboard.scheduler_lease is
    'Nodes that decide slots, or stand by. Apart from the lease of their runs: each is renewed by the part of the node that needs it, and neither waits for the other.';
comment on column callboard.scheduler_lease.firing_until is
    'Behind this instant others may take its shards.';
comment on column callboard.scheduler_lease.scheduling is
    'How it was told to share the role; what the oldest of them was told holds for all.';

create table callboard.scheduler_shard (
    id int4 primary key constraint scheduler_shard_id_check check (id between 0 and 63),
    epoch int8,
    fence int8 not null default 0,
    taken_at timestamptz
) with (fillfactor = 50);
comment on table callboard.scheduler_shard is
    'Who decides the slots of which triggers: a trigger belongs to the shard id % 64.';
comment on column callboard.scheduler_shard.epoch is
    'Of the node that has the shard, while its lease in scheduler_lease runs; null: nobody.';
comment on column callboard.scheduler_shard.fence is
    'Counts the owners.';
insert into callboard.scheduler_shard (id) select generate_series(0, 63);
