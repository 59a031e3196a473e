-- list_batch_moves_page: a page of the moves of an instance, by node and visit.
-- takes instance_id int8, after_node text ('': from the beginning), after_visit int4, limit int8
-- returns node text, visit int4, run_id int8, code text, target text, at timestamptz
-- index batch_move_pkey
select node, visit, run_id, code, target::text as target, at
from callboard.batch_move
where instance_id = $1
    and (node, visit) > ($2, $3)
order by node, visit
limit $4::int8;
