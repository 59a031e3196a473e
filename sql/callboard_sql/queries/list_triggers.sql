-- list_triggers: triggers by group and name, ascending.
-- takes group_name text (NULL: all), state text (NULL: all), after_group text, after_name text
--     (of the page before; empty: from the start), limit int8, labels text (an object that the
--     trigger's labels contain), workflow text (NULL: all)
-- returns id int8, group_name text, name text, schedule text, actions text, description text,
--     misfire text, overlap text, start_at timestamptz, end_at timestamptz, max_firings int8,
--     jitter_s float8, state text, reason text, next_slot timestamptz, last_slot timestamptz,
--     firings int8, generation int8, anchor_at timestamptz, version int8, created_at timestamptz,
--     updated_at timestamptz, flexible_window_s float8, resume_at timestamptz, deadlines
--     text, rules text, workflow text, gathered text, calendars text,
--     known_calendars text (the calendars it obeys, as they are; NULL: none)
-- index trigger_name_key: both bounds of the group are conditions on it
select
    id, group_name, name, schedule::text as schedule, actions::text as actions, description,
    misfire::text as misfire, overlap::text as overlap, start_at, end_at, max_firings,
    jitter_s, state, reason, next_slot, last_slot, firings, generation, anchor_at, version,
    created_at, updated_at, flexible_window_s, resume_at, deadlines::text as deadlines,
    rules::text as rules, workflow, gathered::text as gathered, calendars::text as calendars,
    case when calendars <> '[]' then callboard.known_calendars(id) end as known_calendars
from callboard.trigger
where (group_name, name) > ($3, $4)
    and group_name >= coalesce($1::text, '')
    and group_name <= coalesce($1::text, chr(1114111))
    and ($2::text is null or state = $2)
    and coalesce(rules -> 'labels', '{}') @> $6::text::jsonb
    and ($7::text is null or workflow = $7)
order by group_name, name
limit $5::int8;
