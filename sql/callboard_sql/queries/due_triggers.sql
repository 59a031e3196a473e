-- due_triggers: active and paused triggers whose next slot is at or before an instant, earliest
--     first.
-- takes until timestamptz, limit int8
-- returns id int8, group_name text, name text, schedule text, actions text, description text,
--     misfire text, overlap text, start_at timestamptz, end_at timestamptz, max_firings int8,
--     jitter_s float8, state text, reason text, next_slot timestamptz, last_slot timestamptz,
--     firings int8, generation int8, anchor_at timestamptz, version int8, created_at timestamptz,
--     updated_at timestamptz
-- index trigger_due_idx (next_slot, id) where state in ('active', 'paused')
select
    id, group_name, name, schedule::text as schedule, actions::text as actions, description,
    misfire::text as misfire, overlap::text as overlap, start_at, end_at, max_firings,
    jitter_s, state, reason, next_slot, last_slot, firings, generation, anchor_at, version,
    created_at, updated_at
from callboard.trigger
where state in ('active', 'paused')
    and next_slot <= $1
order by next_slot, id
limit $2::int8;
