-- get_batch_step_starts: how often a step of an instance was executed, on whatever visit; counted
--     as far as is asked.
-- takes instance_id int8, name text, most int8
-- returns starts int8
-- index batch_step_name_idx
select count(*) as starts
from (
    select
    from callboard.batch_step
    where instance_id = $1
        and name = $2
    limit $3::int8
) as executed;
