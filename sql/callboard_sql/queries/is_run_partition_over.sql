-- is_run_partition_over: whether all runs of a part of the history ended before an instant.
-- takes name text, ended_before timestamptz
-- returns is_over bool
-- lock none
select callboard.is_run_partition_over($1, $2) as is_over;
