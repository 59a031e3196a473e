-- gather_events: write what triggers have gathered for their next slots.
-- takes ids int8[], gathered text[] (NULL: nothing)
-- returns nothing
-- index trigger_pkey
update callboard.trigger
set gathered = known.gathered::jsonb
from unnest($1::int8[], $2::text[]) as known (id, gathered)
where trigger.id = known.id;
