-- due_triggers: triggers that have to be looked at at or before an instant, earliest first: for
--     their next slot, or the end of a timed pause.
-- takes until timestamptz, limit int8, shards int4[] (only triggers of these; NULL: of all)
-- returns id int8, group_name text, name text, schedule text, actions text, description text,
--     misfire text, overlap text, start_at timestamptz, end_at timestamptz, max_firings int8,
--     jitter_s float8, state text, reason text, next_slot timestamptz, last_slot timestamptz,
--     firings int8, generation int8, anchor_at timestamptz, version int8, created_at timestamptz,
--     updated_at timestamptz, flexible_window_s float8, resume_at timestamptz, deadlines
--     text, rules text, workflow text, gathered text, calendars text,
--     known_calendars text (the calendars it obeys, as they are; NULL: none)
-- index trigger_wake_idx (wake_at, id) where wake_at is not null
select
    id, group_name, name, schedule::text as schedule, actions::text as actions, description,
    misfire::text as misfire, overlap::text as overlap, start_at, end_at, max_firings,
    jitter_s, state, reason, next_slot, last_slot, firings, generation, anchor_at, version,
    created_at, updated_at, flexible_window_s, resume_at, deadlines::text as deadlines,
    rules::text as rules, workflow, gathered::text as gathered, calendars::text as calendars,
    case when calendars <> '[]' then callboard.known_calendars(id) end as known_calendars
from callboard.trigger
where wake_at <= $1
    and ($3::int4[] is null or (id % 64)::int4 = any($3::int4[]))
order by wake_at, id
limit $2::int8;
