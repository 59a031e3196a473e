-- delete_batch_steps: forget step executions, with the items that they have skipped.
-- takes ids int8[]
-- returns nothing
-- index batch_step_pkey
delete from callboard.batch_step
where id = any($1::int8[]);
