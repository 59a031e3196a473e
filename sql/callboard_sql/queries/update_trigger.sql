-- update_trigger: replace everything but the names of a trigger that is still at the version the
--     caller read.
-- takes id int8, version int8, schedule text, actions text, description text, misfire text,
--     overlap text, start_at timestamptz, end_at timestamptz, max_firings int8, jitter_s float8,
--     state text, reason text, next_slot timestamptz, last_slot timestamptz, firings int8,
--     generation int8, anchor_at timestamptz, flexible_window_s float8, calendars text, resume_at
--     timestamptz, deadlines text, rules text, workflow text, jobs text[], calendar_names text[],
--     gathered text, now timestamptz (NULL: the database's clock)
-- returns group_name text, name text, version int8, created_at timestamptz, updated_at
--     timestamptz; no row: gone, or at another version
-- index trigger_pkey, trigger_job_trigger_idx, trigger_calendar_trigger_idx
with stored as (
    update callboard.trigger
    set
        schedule = $3::text::jsonb,
        actions = $4::text::jsonb,
        description = $5,
        misfire = $6::text::jsonb,
        overlap = $7::text::jsonb,
        start_at = $8,
        end_at = $9,
        max_firings = $10,
        jitter_s = $11,
        state = $12,
        reason = $13,
        next_slot = $14,
        last_slot = $15,
        firings = $16,
        generation = $17,
        anchor_at = $18,
        flexible_window_s = $19,
        calendars = $20::text::jsonb,
        resume_at = $21,
        deadlines = $22::text::jsonb,
        rules = $23::text::jsonb,
        workflow = $24,
        version = version + 1,
        gathered = $27::text::jsonb,
        updated_at = coalesce($28::timestamptz, now())
    where id = $1
        and version = $2
    returning id, group_name, name, version, created_at, updated_at
),
forgotten as (
    delete from callboard.trigger_job
    using stored
    where trigger_job.trigger_id = stored.id
        and trigger_job.job <> all($25::text[])
),
named as (
    insert into callboard.trigger_job (group_name, job, trigger_id)
    select stored.group_name, job.name, stored.id
    from stored
    cross join unnest($25::text[]) as job (name)
    on conflict (group_name, job, trigger_id) do nothing
),
released as (
    delete from callboard.trigger_calendar
    using stored
    where trigger_calendar.trigger_id = stored.id
        and trigger_calendar.calendar <> all($26::text[])
),
obeyed as (
    insert into callboard.trigger_calendar (group_name, calendar, trigger_id)
    select stored.group_name, calendar.name, stored.id
    from stored
    cross join unnest($26::text[]) as calendar (name)
    on conflict (group_name, calendar, trigger_id) do nothing
)
select group_name, name, version, created_at, updated_at
from stored;
