-- list_batch_moves: the moves of an instance, in the order in which they were made.
-- takes instance_id int8
-- returns node text, visit int4, run_id int8, code text, target text, at timestamptz
-- index batch_move_pkey
select node, visit, run_id, code, target::text as target, at
from callboard.batch_move
where instance_id = $1
order by number;
