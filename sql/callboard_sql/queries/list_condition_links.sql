-- list_condition_links: the conditional triggers of a group that stand alone, with what they watch
--     and start.
-- takes group_name text
-- returns trigger text, watched text[], started text[]
-- index trigger_pkey
select
    trigger.name as trigger,
    array(
        select condition.value ->> 'job'
        from jsonb_array_elements(trigger.schedule -> 'conditions') as condition (value)
    ) as watched,
    array(
        select action.value ->> 'job'
        from jsonb_array_elements(trigger.actions) as action (value)
    ) as started
from callboard.condition_set as watching
join callboard.trigger on trigger.id = watching.trigger_id
where trigger.group_name = $1
    and trigger.schedule ->> 'kind' = 'conditional';
