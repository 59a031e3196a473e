-- list_condition_watches: what the active and paused conditional triggers watch.
-- takes nothing
-- returns trigger_id int8, since_seq int8, group_name text, jobs text[] (names)
-- index trigger_pkey
select
    watching.trigger_id, watching.since_seq, trigger.group_name,
    array(
        select condition.value ->> 'job'
        from jsonb_array_elements(trigger.schedule -> 'conditions') as condition (value)
    ) as jobs
from callboard.condition_set as watching
join callboard.trigger
    on trigger.id = watching.trigger_id
    and trigger.generation = watching.generation
    and trigger.state in ('active', 'paused');
