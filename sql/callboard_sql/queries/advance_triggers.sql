-- advance_triggers: move triggers on that nobody has changed since they were read, a hundred at
--     most.
-- takes positions int4[], ids int8[], generations int8[], states text[], next_slots timestamptz[]
--     (these four: as they were read), new_states text[], reasons text[], new_next_slots
--     timestamptz[], last_slots timestamptz[], new_firings int8[] (to be added), resume_ats
--     timestamptz[] (as they were read), new_resume_ats timestamptz[], anchor_ats timestamptz[],
--     new_generations int8[]
-- returns position int4 (of those that moved)
-- index trigger_pkey, also where the planner thinks the table empty
update callboard.trigger
set
    generation = plan.new_generation,
    state = plan.new_state,
    reason = plan.reason,
    next_slot = plan.new_next_slot,
    last_slot = plan.last_slot,
    firings = trigger.firings + plan.new_firings,
    resume_at = plan.new_resume_at,
    anchor_at = plan.anchor_at
from unnest(
    $1::int4[], $2::int8[], $3::int8[], $4::text[], $5::timestamptz[],
    $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::int8[],
    $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::int8[]
) as plan (
    position, id, generation, state, next_slot,
    new_state, reason, new_next_slot, last_slot, new_firings,
    resume_at, new_resume_at, anchor_at, new_generation
)
where trigger.id = plan.id
    and trigger.id = any($2)
    and trigger.generation = plan.generation
    and trigger.state = plan.state
    and trigger.next_slot is not distinct from plan.next_slot
    and trigger.resume_at is not distinct from plan.resume_at
returning plan.position;
