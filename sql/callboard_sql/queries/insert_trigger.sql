-- insert_trigger: store a new trigger, the names of the jobs of its actions and of its calendars.
-- takes group_name text, name text, schedule text, actions text, description text, misfire text,
--     overlap text, start_at timestamptz, end_at timestamptz, max_firings int8, jitter_s float8,
--     state text, reason text, next_slot timestamptz, last_slot timestamptz, firings int8,
--     generation int8, anchor_at timestamptz, flexible_window_s float8, calendars text, resume_at
--     timestamptz, jobs text[], calendar_names text[], now timestamptz (NULL: the database's clock)
-- returns id int8, created_at timestamptz; no row: the name is taken
-- index trigger_name_key
with stored as (
    insert into callboard.trigger (
        group_name, name,
        schedule, actions, description, misfire, overlap, start_at, end_at, max_firings,
        jitter_s, state, reason, next_slot, last_slot, firings, generation, anchor_at,
        flexible_window_s, calendars, resume_at,
        version, created_at, updated_at
    )
    values (
        $1, $2,
        $3::text::jsonb, $4::text::jsonb, $5, $6::text::jsonb, $7::text::jsonb, $8, $9, $10,
        $11, $12, $13, $14, $15, $16, $17, $18,
        $19, $20::text::jsonb, $21,
        1, coalesce($24::timestamptz, now()), coalesce($24::timestamptz, now())
    )
    on conflict (group_name, name) do nothing
    returning id, group_name, created_at
),
named as (
    insert into callboard.trigger_job (group_name, job, trigger_id)
    select stored.group_name, job.name, stored.id
    from stored
    cross join unnest($22::text[]) as job (name)
),
obeyed as (
    insert into callboard.trigger_calendar (group_name, calendar, trigger_id)
    select stored.group_name, calendar.name, stored.id
    from stored
    cross join unnest($23::text[]) as calendar (name)
)
select id, created_at
from stored;
