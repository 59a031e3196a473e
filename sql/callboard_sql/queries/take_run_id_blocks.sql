-- take_run_id_blocks: blocks of 1000 consecutive run ids, for one node to give out.
-- takes blocks int4
-- returns first_id int8
-- lock none: a sequence is not rolled back
select nextval('callboard.run_id_block') as first_id
from generate_series(1, $1::int4);
