-- list_watching_triggers: names of the triggers that watch a job, ascending, to name some of them.
-- takes job_id int8, limit int8
-- returns name text
-- index trigger_pkey
select trigger.name
from callboard.condition_set as watching
join callboard.trigger on trigger.id = watching.trigger_id
where $1 = any(watching.job_ids)
order by trigger.name
limit $2::int8;
