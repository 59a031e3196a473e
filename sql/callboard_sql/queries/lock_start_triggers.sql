-- lock_start_triggers: lock the active and paused triggers that have a slot when the cluster
--     starts.
-- takes nothing
-- returns id int8, group_name text, name text, schedule text, actions text, description text,
--     misfire text, overlap text, start_at timestamptz, end_at timestamptz, max_firings int8,
--     jitter_s float8, state text, reason text, next_slot timestamptz, last_slot timestamptz,
--     firings int8, generation int8, anchor_at timestamptz, version int8, created_at timestamptz,
--     updated_at timestamptz, flexible_window_s float8, resume_at timestamptz, deadlines
--     text, rules text, workflow text, gathered text, calendars text
-- index trigger_start_idx (id) where its condition, which stands here word for word
-- lock the rows, in the order of ids
select
    id, group_name, name, schedule::text as schedule, actions::text as actions, description,
    misfire::text as misfire, overlap::text as overlap, start_at, end_at, max_firings,
    jitter_s, state, reason, next_slot, last_slot, firings, generation, anchor_at, version,
    created_at, updated_at, flexible_window_s, resume_at, deadlines::text as deadlines,
    rules::text as rules, workflow, gathered::text as gathered, calendars::text as calendars
from callboard.trigger
where state in ('active', 'paused')
    and lower(btrim(schedule ->> 'expression', e' \t')) = '@reboot'
order by id
for update;
