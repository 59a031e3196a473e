-- list_run_partitions: the parts of the history that have a range of ids, ascending.
-- takes nothing
-- returns name text, from_id int8 (NULL: from the first id on), until_id int8 (exclusive)
-- lock none
select name, from_id, until_id
from callboard.run_partition
order by until_id;
