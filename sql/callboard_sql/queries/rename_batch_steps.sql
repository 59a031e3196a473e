-- rename_batch_steps: give step executions other names, a hundred at most.
-- takes ids int8[], names text[]
-- returns nothing
-- index batch_step_pkey
update callboard.batch_step as step
set name = new.name
from unnest($1::int8[], $2::text[]) as new (id, name)
where step.id = new.id
    and step.id = any($1);
