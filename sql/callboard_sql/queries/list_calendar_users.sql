-- list_calendar_users: names of the triggers that obey a calendar, ascending.
-- takes group_name text, calendar text, limit int8
-- returns name text
-- index trigger_calendar_pkey
select trigger.name
from callboard.trigger_calendar
join callboard.trigger on trigger.id = trigger_calendar.trigger_id
where trigger_calendar.group_name = $1
    and trigger_calendar.calendar = $2
order by trigger.name
limit $3::int8;
