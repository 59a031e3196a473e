-- list_workflow_links: the conditional triggers of a workflow, with what they watch and start.
-- takes group_name text, workflow text
-- returns trigger text, watched text[], started text[]
-- index trigger_workflow_idx
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
from callboard.trigger
where trigger.group_name = $1
    and trigger.workflow = $2
    and trigger.schedule ->> 'kind' = 'conditional';
