-- count_triggers_of_job: how many triggers with an action on a job there are, by state and end of a
--     timed pause.
-- takes group_name text (NULL: all), state text (NULL: all), job text
-- returns state text, resume_at timestamptz, count int8
-- index trigger_job_pkey, trigger_pkey
select state, resume_at, count(*) as count
from callboard.trigger
where id = any(
        array(
            select trigger_job.trigger_id
            from callboard.trigger_job
            where trigger_job.job = $3
                and trigger_job.group_name >= coalesce($1::text, '')
                and trigger_job.group_name <= coalesce($1::text, chr(1114111))
        )
    )
    and ($2::text is null or state = $2)
group by state, resume_at;
