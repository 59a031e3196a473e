-- list_trigger_names: names of the triggers that have an action on a job, and cannot be without
--     it, ascending.
-- takes group_name text, job text, limit int8
-- returns name text
-- index trigger_job_pkey
select trigger.name
from callboard.trigger_job
join callboard.trigger on trigger.id = trigger_job.trigger_id
where trigger_job.group_name = $1
    and trigger_job.job = $2
    and coalesce(trigger.rules ->> 'on_missing', 'refuse') = 'refuse'
order by trigger.name
limit $3::int8;
