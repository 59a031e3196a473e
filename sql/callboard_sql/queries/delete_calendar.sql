-- delete_calendar: remove a calendar.
-- takes id int8
-- returns id int8; no row: it was not there
-- index calendar_pkey
delete from callboard.calendar
where id = $1
returning id;
