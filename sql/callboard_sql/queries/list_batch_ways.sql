-- list_batch_ways: the ways by which an instance has left its nodes, each once, the first one that
--     was taken first.
-- takes instance_id int8
-- returns node text, code text, target text
-- index batch_move_pkey
select node, code, target::text as target
from callboard.batch_move
where instance_id = $1
group by node, code, target
order by min(number);
