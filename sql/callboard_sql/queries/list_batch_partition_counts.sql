-- list_batch_partition_counts: what the partitions of executions of steps have counted together.
-- takes run_ids int8[] (of the executions), manager_ids int8[] (the executions)
-- returns manager_id int8, reads int8, writes int8, filters int8, commits int8, rollbacks int8,
--     read_skips int8, process_skips int8, write_skips int8, retries int8; no row for an execution
--     without partitions
-- index batch_step_run_idx
select
    manager_id,
    sum(reads)::int8 as reads,
    sum(writes)::int8 as writes,
    sum(filters)::int8 as filters,
    sum(commits)::int8 as commits,
    sum(rollbacks)::int8 as rollbacks,
    sum(read_skips)::int8 as read_skips,
    sum(process_skips)::int8 as process_skips,
    sum(write_skips)::int8 as write_skips,
    sum(retries)::int8 as retries
from callboard.batch_step
where run_id = any($1::int8[])
    and manager_id = any($2::int8[])
group by manager_id;
