-- lock_triggers_by_name: lock triggers against every other writer until the commit.
-- takes group_names text[], names text[] (pairs)
-- returns id int8, group_name text, name text, schedule text, actions text, description text,
--     misfire text, overlap text, start_at timestamptz, end_at timestamptz, max_firings int8,
--     jitter_s float8, state text, reason text, next_slot timestamptz, last_slot timestamptz,
--     firings int8, generation int8, anchor_at timestamptz, version int8, created_at timestamptz,
--     updated_at timestamptz, flexible_window_s float8, resume_at timestamptz, deadlines
--     text, rules text, workflow text, gathered text, calendars text
-- index trigger_name_key, trigger_pkey
-- lock the rows, in the order of ids
select
    id, group_name, name, schedule::text as schedule, actions::text as actions, description,
    misfire::text as misfire, overlap::text as overlap, start_at, end_at, max_firings,
    jitter_s, state, reason, next_slot, last_slot, firings, generation, anchor_at, version,
    created_at, updated_at, flexible_window_s, resume_at, deadlines::text as deadlines,
    rules::text as rules, workflow, gathered::text as gathered, calendars::text as calendars
from callboard.trigger
where id = any(
    array(
        select named.id
        from unnest($1::text[], $2::text[]) as wanted (group_name, name)
        join callboard.trigger as named
            on named.group_name = wanted.group_name
            and named.name = wanted.name
    )
)
order by id
for update;
