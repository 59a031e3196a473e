-- list_batch_counts_before: what the executions whose work a step execution goes on with have
--     counted.
-- takes step_id int8
-- returns id int8, reads int8, writes int8, filters int8, commits int8, rollbacks int8, read_skips
--     int8, process_skips int8, write_skips int8, retries int8
-- index batch_step_pkey, batch_step_name_idx
select
    before.id, before.reads, before.writes, before.filters, before.commits, before.rollbacks,
    before.read_skips, before.process_skips, before.write_skips, before.retries
from callboard.batch_step as step
join callboard.batch_step as before on before.instance_id = step.instance_id
    and before.name = step.name
    and before.id < step.id
    and before.first_id = step.first_id
where step.id = $1;
