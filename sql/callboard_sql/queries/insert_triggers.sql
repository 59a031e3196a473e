-- insert_triggers: store new triggers, and the names of the jobs of their actions and of their
--     calendars, which are taken from the JSON.
-- takes group_names text[], names text[], schedules text[], actions text[], descriptions
--     text[], misfires text[], overlaps text[], start_ats timestamptz[], end_ats timestamptz[],
--     max_firings int8[], jitters_s float8[], states text[], reasons text[], next_slots
--     timestamptz[], last_slots timestamptz[], firings int8[], generations int8[], anchor_ats
--     timestamptz[], flexible_windows_s float8[], calendars text[], resume_ats timestamptz[],
--     deadlines text[], rules text[], workflows text[], now timestamptz (NULL: the database's
--     clock); where there has to be a value, an array of one stands for as many as there are names,
--     elsewhere an empty one stands for NULLs
-- returns group_name text, name text, id int8, created_at timestamptz (of those that were stored:
--     one whose name is taken, also by one before it, is left out)
-- index trigger_name_key
with stored as (
    insert into callboard.trigger (
        group_name, name, schedule, actions, description, misfire, overlap,
        start_at, end_at, max_firings, jitter_s, state, reason,
        next_slot, last_slot, firings, generation, anchor_at,
        flexible_window_s, calendars, resume_at, deadlines, rules, workflow,
        version, created_at, updated_at
    )
    select
        coalesce(new.group_name, ($1::text[])[1]),
        new.name,
        coalesce(new.schedule, ($3::text[])[1])::jsonb,
        coalesce(new.actions, ($4::text[])[1])::jsonb,
        coalesce(new.description, ($5::text[])[1]),
        coalesce(new.misfire, ($6::text[])[1])::jsonb,
        coalesce(new.overlap, ($7::text[])[1])::jsonb,
        new.start_at, new.end_at, new.max_firings,
        coalesce(new.jitter_s, ($11::float8[])[1]),
        coalesce(new.state, ($12::text[])[1]),
        new.reason, new.next_slot, new.last_slot,
        coalesce(new.firings, ($16::int8[])[1]),
        coalesce(new.generation, ($17::int8[])[1]),
        new.anchor_at,
        coalesce(new.flexible_window_s, ($19::float8[])[1]),
        coalesce(new.calendars, ($20::text[])[1])::jsonb,
        new.resume_at, new.deadlines::jsonb, new.rules::jsonb, new.workflow,
        1, coalesce($25::timestamptz, now()), coalesce($25::timestamptz, now())
    from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::timestamptz[], $9::timestamptz[], $10::int8[], $11::float8[], $12::text[],
        $13::text[], $14::timestamptz[], $15::timestamptz[], $16::int8[], $17::int8[],
        $18::timestamptz[], $19::float8[], $20::text[], $21::timestamptz[], $22::text[],
        $23::text[], $24::text[]
    ) as new (
        group_name, name, schedule, actions, description, misfire, overlap,
        start_at, end_at, max_firings, jitter_s, state, reason,
        next_slot, last_slot, firings, generation, anchor_at,
        flexible_window_s, calendars, resume_at, deadlines, rules, workflow
    )
    on conflict (group_name, name) do nothing
    returning id, group_name, name, actions, calendars, created_at
),
named as (
    insert into callboard.trigger_job (group_name, job, trigger_id)
    select distinct stored.group_name, action.value ->> 'job', stored.id
    from stored
    cross join jsonb_array_elements(stored.actions) as action (value)
),
obeyed as (
    insert into callboard.trigger_calendar (group_name, calendar, trigger_id)
    select distinct stored.group_name, rule.value ->> 'calendar', stored.id
    from stored
    cross join jsonb_array_elements(stored.calendars) as rule (value)
)
select group_name, name, id, created_at
from stored;
