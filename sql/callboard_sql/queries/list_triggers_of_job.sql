-- list_triggers_of_job: triggers that have an action on a job, by group and name, ascending.
-- takes group_name text (NULL: all), state text (NULL: all), after_group text, after_name text
--     (of the page before; empty: from the start), limit int8, labels text (an object that the
--     trigger's labels contain), workflow text (NULL: all), job text
-- returns id int8, group_name text, name text, schedule text, actions text, description text,
--     misfire text, overlap text, start_at timestamptz, end_at timestamptz, max_firings int8,
--     jitter_s float8, state text, reason text, next_slot timestamptz, last_slot timestamptz,
--     firings int8, generation int8, anchor_at timestamptz, version int8, created_at timestamptz,
--     updated_at timestamptz, flexible_window_s float8, resume_at timestamptz, deadlines
--     text, rules text, workflow text, gathered text, calendars text,
--     known_calendars text (the calendars it obeys, as they are; NULL: none)
-- index trigger_job_pkey, trigger_pkey
select
    trigger.id, trigger.group_name, trigger.name, trigger.schedule::text as schedule,
    trigger.actions::text as actions, trigger.description, trigger.misfire::text as misfire,
    trigger.overlap::text as overlap, trigger.start_at, trigger.end_at, trigger.max_firings,
    trigger.jitter_s, trigger.state, trigger.reason, trigger.next_slot, trigger.last_slot,
    trigger.firings, trigger.generation, trigger.anchor_at, trigger.version,
    trigger.created_at, trigger.updated_at, trigger.flexible_window_s, trigger.resume_at,
    trigger.deadlines::text as deadlines, trigger.rules::text as rules, trigger.workflow,
    trigger.gathered::text as gathered, trigger.calendars::text as calendars,
    case
        when trigger.calendars <> '[]' then callboard.known_calendars(trigger.id)
    end as known_calendars
from callboard.trigger
where trigger.id = any(
        array(
            select trigger_job.trigger_id
            from callboard.trigger_job
            where trigger_job.job = $8
                and trigger_job.group_name >= coalesce($1::text, '')
                and trigger_job.group_name <= coalesce($1::text, chr(1114111))
        )
    )
    and (trigger.group_name, trigger.name) > ($3, $4)
    and ($2::text is null or trigger.state = $2)
    and coalesce(trigger.rules -> 'labels', '{}') @> $6::text::jsonb
    and ($7::text is null or trigger.workflow = $7)
order by trigger.group_name, trigger.name
limit $5::int8;
