insert into callboard.schema_migration (version, name) values (2, 'expand_time');

alter table callboard.trigger
    add column calendars jsonb not null default '[]',
    add column flexible_window_s float8 not null default 0 check (flexible_window_s >= 0),
    add column resume_at timestamptz,
    add column wake_at timestamptz generated always as (
        case state when 'active' then next_slot when 'paused' then resume_at end
    ) stored,
    add column is_sequenced boolean not null generated always as (
        coalesce(
            schedule ->> 'kind' = 'delay'
            or overlap ->> 'policy' in ('buffer_one', 'buffer', 'cancel_old', 'kill_old'),
            false
        )
    ) stored;
comment on column callboard.trigger.resume_at is
    'End of a timed pause; null: it is not paused, or until somebody resumes it.';
comment on column callboard.trigger.wake_at is
    'When the scheduler has to look at it next: the next slot, or the end of a timed pause.';
comment on column callboard.trigger.is_sequenced is
    'The end of its runs means something to it: a delay begins, or a held run is released.';

create index trigger_wake_idx on callboard.trigger (wake_at, id)
    where wake_at is not null;
create index trigger_start_idx on callboard.trigger (id)
    where state in ('active', 'paused')
        and lower(btrim(schedule ->> 'expression', e' \t')) = '@reboot';
create index trigger_delay_idx on callboard.trigger (id)
    where state = 'active' and next_slot is null and schedule ->> 'kind' = 'delay';
comment on index callboard.trigger_delay_idx is
    'Delays that begin when the last live run ends: few, and looked at should that end be missed.';
drop index callboard.trigger_due_idx;

create table callboard.calendar (
    id int8 generated always as identity primary key,
    group_name text collate "C" not null check (char_length(group_name) between 1 and 255),
    name text collate "C" not null check (char_length(name) between 1 and 255),
    description text not null check (char_length(description) <= 10000),
    definition jsonb not null,
    version int8 not null check (version >= 1),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint calendar_name_key unique (group_name, name)
);

create table callboard.trigger_calendar (
    group_name text collate "C" not null,
    calendar text collate "C" not null,
    trigger_id int8 not null references callboard.trigger (id) on delete cascade,
    primary key (group_name, calendar, trigger_id)
);
comment on table callboard.trigger_calendar is
    'Which triggers obey which calendar: an index over trigger.calendars that an advancing trigger need not touch.';

create index trigger_calendar_trigger_idx on callboard.trigger_calendar (trigger_id);

create function callboard.known_calendars(trigger_id int8) returns text
    language sql stable
    begin atomic
        select
            jsonb_agg(jsonb_build_object(
                'id', calendar.id, 'name', calendar.name, 'version', calendar.version,
                'description', calendar.description, 'definition', calendar.definition
            ))::text
        from callboard.trigger_calendar as used
        join callboard.calendar
            on calendar.group_name = used.group_name and calendar.name = used.calendar
        where used.trigger_id = known_calendars.trigger_id;
    end;
comment on function callboard.known_calendars(int8) is
    'The calendars that a trigger obeys, as they are now: an array for whoever reads the trigger.';

create table callboard.backfill (
    id int8 generated always as identity primary key,
    group_name text collate "C" not null check (char_length(group_name) between 1 and 255),
    trigger text collate "C" not null check (char_length(trigger) between 1 and 255),
    trigger_id int8 not null,
    from_at timestamptz not null,
    until_at timestamptz not null,
    state text not null check (state in ('running', 'paused', 'completed', 'cancelled')),
    reason text,
    force boolean not null,
    overlap text not null check (overlap in ('trigger', 'allow')),
    max_concurrent int4 not null check (max_concurrent >= 1),
    cursor_at timestamptz not null,
    slots_total int8 not null check (slots_total >= 0),
    fired int8 not null check (fired >= 0),
    skipped int8 not null check (skipped >= 0),
    succeeded int8 not null check (succeeded >= 0),
    failed int8 not null check (failed >= 0),
    version int8 not null check (version >= 1),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    ended_at timestamptz,
    constraint backfill_range_check check (until_at > from_at),
    constraint backfill_ended_check check ((ended_at is not null) = (state in ('completed', 'cancelled')))
) with (fillfactor = 80);
comment on column callboard.backfill.cursor_at is
    'Its slots before this instant are decided.';
comment on column callboard.backfill.skipped is
    'Slots passed over, because they had fired before.';
comment on column callboard.backfill.reason is
    'Why it was paused or cancelled by itself.';

create index backfill_open_idx on callboard.backfill (id)
    where ended_at is null;
create index backfill_trigger_idx on callboard.backfill (trigger_id, id);
create index backfill_group_idx on callboard.backfill (group_name, id);

create table callboard.backfilled_slot (
    trigger_id int8 not null,
    slot timestamptz not null,
    backfill_id int8 not null,
    run_ids int8[] not null,
    fired_at timestamptz not null,
    ended_at timestamptz,
    primary key (trigger_id, slot, backfill_id)
);
comment on table callboard.backfilled_slot is
    'Slots of the past that backfills fired: beside the ledger, which says what became of them in their time.';
comment on column callboard.backfilled_slot.run_ids is
    'The first runs of the chains that the slot started, in the order of the trigger''s actions.';

create index backfilled_slot_open_idx on callboard.backfilled_slot (backfill_id, slot)
    where ended_at is null;

create index live_run_firing_idx on callboard.live_run (trigger_id, id)
    where trigger_id is not null;
comment on index callboard.live_run_firing_idx is
    'The live firings of a trigger, for its overlap policy.';
