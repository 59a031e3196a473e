-- list_condition_watches: what the active and paused conditional triggers watch.
-- takes nothing
-- returns trigger_id int8, since_seq int8, job_ids int8[]
-- index trigger_pkey
select watching.trigger_id, watching.since_seq, watching.job_ids
from callboard.condition_set as watching
join callboard.trigger
    on trigger.id = watching.trigger_id
    and trigger.generation = watching.generation
    and trigger.state in ('active', 'paused');
