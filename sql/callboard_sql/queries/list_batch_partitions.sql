-- list_batch_partitions: a page of the partitions of a step on a visit, each as it was executed
--     last; by name, backwards, as the index gives them without a sort.
-- takes instance_id int8, step text, visit int4, before text (name of the last one of the page
--     before; '': from the end), limit int8
-- returns name text, manager_id int8, state text, exit_code text
-- index batch_step_name_idx
select distinct on (name) name, manager_id, state, exit_code
from callboard.batch_step
where instance_id = $1
    and name > $2 || ':'
    and name < coalesce(nullif($4, ''), $2 || chr(59)) -- right behind the colon
    and visit = $3
    and manager_id is not null
order by name desc, id desc
limit $5::int8;
