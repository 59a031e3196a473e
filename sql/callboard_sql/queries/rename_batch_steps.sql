-- rename_batch_steps: give the executions of steps of an instance, and of their partitions, other
--     names.
-- takes instance_id int8, old_names text[], names text[]
-- returns nothing
-- index batch_step_name_idx
update callboard.batch_step as step
set name = new.name || substr(step.name, char_length(new.old_name) + 1)
from unnest($2::text[], $3::text[]) as new (old_name, name)
where step.instance_id = $1
    and split_part(step.name, ':', 1) = new.old_name;
