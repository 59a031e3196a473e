-- list_watching_triggers: names of the triggers that watch a job, and cannot be without it,
--     ascending, to name some of them.
-- takes group_name text, job text, limit int8
-- returns name text
-- index trigger_conditional_idx
select trigger.name
from callboard.trigger
where trigger.group_name = $1
    and trigger.schedule ->> 'kind' = 'conditional'
    and trigger.schedule -> 'conditions' @> jsonb_build_array(jsonb_build_object('job', $2::text))
    and coalesce(trigger.rules ->> 'on_missing', 'refuse') = 'refuse'
order by trigger.name
limit $3::int8;
