-- add_run_partition: make room for the history of a range of runs.
-- takes from_id int8, until_id int8 (exclusive)
-- returns is_new bool
-- lock ended_run against other changes of its partitions, its default partition against all; waits
--     for 200 ms at the most
select callboard.add_run_partition($1, $2) as is_new;
