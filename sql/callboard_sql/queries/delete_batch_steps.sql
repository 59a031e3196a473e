-- delete_batch_steps: forget the executions of steps of an instance, and of their partitions, with
--     the items that they have skipped.
-- takes instance_id int8, names text[]
-- returns nothing
-- index batch_step_name_idx
delete from callboard.batch_step
where instance_id = $1
    and split_part(name, ':', 1) = any($2::text[]);
