-- list_watched_slots: which triggers have deadlines, and how far their slots have been looked at.
-- takes nothing
-- returns trigger_id int8, group_name text, name text, kind text (NULL: none yet), checked_until
--     timestamptz
-- index trigger_deadlines_idx, deadline_check_pkey
select
    trigger.id as trigger_id, trigger.group_name, trigger.name, checked.kind,
    checked.checked_until
from callboard.trigger
left join callboard.deadline_check as checked on checked.trigger_id = trigger.id
where trigger.deadlines is not null
order by trigger.id;
