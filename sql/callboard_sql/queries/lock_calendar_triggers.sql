-- lock_calendar_triggers: lock triggers that obey a calendar, in the order of ids, against every
--     other writer until the commit.
-- takes group_name text, calendar text, after_id int8 (of the page before; 0: from the start),
--     limit int8
-- returns id int8, group_name text, name text, schedule text, actions text, description text,
--     misfire text, overlap text, start_at timestamptz, end_at timestamptz, max_firings int8,
--     jitter_s float8, state text, reason text, next_slot timestamptz, last_slot timestamptz,
--     firings int8, generation int8, anchor_at timestamptz, version int8, created_at timestamptz,
--     updated_at timestamptz, flexible_window_s float8, resume_at timestamptz, deadlines
--     text, rules text, workflow text, gathered text, calendars text
-- index trigger_calendar_pkey, trigger_pkey
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
            select used.trigger_id
            from callboard.trigger_calendar as used
            where used.group_name = $1
                and used.calendar = $2
                and used.trigger_id > $3
            order by used.trigger_id
            limit $4::int8
        )
    )
order by id
for update;
