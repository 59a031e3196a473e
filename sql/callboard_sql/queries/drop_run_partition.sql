-- drop_run_partition: remove a part of the history.
-- takes name text
-- returns was_there bool
-- lock ended_run against all, for a moment; waits for 200 ms at the most
select callboard.drop_run_partition($1) as was_there;
