-- prune_run_logs: remove logs of a range of runs.
-- takes from_id int8, until_id int8 (exclusive), limit int8
-- returns logs int8
-- index run_log_pkey
with old as materialized (
    select run_id, first_seq
    from callboard.run_log
    where run_id >= $1
        and run_id < $2
    order by run_id, first_seq
    limit $3::int8
),
gone as (
    delete from callboard.run_log as log
    using old
    where log.run_id = old.run_id
        and log.first_seq = old.first_seq
    returning log.run_id
)
select count(*) as logs
from gone;
