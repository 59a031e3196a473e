-- lock_triggers_of_job: lock a page of the triggers that have an action on a job, by group and
--     name, against every other writer until the commit.
-- takes group_name text (NULL: all), states text[], after_group text, after_name text (of the page
--     before; empty: from the start), limit int8, job text
-- returns id int8, group_name text, name text, schedule text, actions text, description text,
--     misfire text, overlap text, start_at timestamptz, end_at timestamptz, max_firings int8,
--     jitter_s float8, state text, reason text, next_slot timestamptz, last_slot timestamptz,
--     firings int8, generation int8, anchor_at timestamptz, version int8, created_at timestamptz,
--     updated_at timestamptz, flexible_window_s float8, resume_at timestamptz, deadlines
--     text, rules text, workflow text, gathered text, calendars text
-- index trigger_job_pkey, trigger_pkey
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
            select paged.id
            from callboard.trigger as paged
            where paged.id = any(
                    array(
                        select trigger_job.trigger_id
                        from callboard.trigger_job
                        where trigger_job.job = $6
                            and trigger_job.group_name >= coalesce($1::text, '')
                            and trigger_job.group_name <= coalesce($1::text, chr(1114111))
                    )
                )
                and (paged.group_name, paged.name) > ($3, $4)
                and paged.state = any($2::text[])
            order by paged.group_name, paged.name
            limit $5::int8
        )
    )
order by id
for update;
