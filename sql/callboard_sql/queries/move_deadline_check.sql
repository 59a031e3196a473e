-- move_deadline_check: note how far the slots of a trigger have been looked at.
-- takes trigger_id int8, kind text, before timestamptz (as it was read; NULL: never), until
--     timestamptz
-- returns trigger_id int8; no row: somebody else has moved it since, or the trigger is gone
-- index deadline_check_pkey, trigger_pkey
insert into callboard.deadline_check as checked (trigger_id, kind, checked_until)
select trigger.id, $2::text, $4::timestamptz
from callboard.trigger
where trigger.id = $1::int8
on conflict (trigger_id, kind) do update set checked_until = excluded.checked_until
where checked.checked_until = $3::timestamptz
returning trigger_id;
