-- delete_batch_moves: forget the moves of an instance.
-- takes instance_id int8
-- returns nothing
-- index batch_move_pkey
delete from callboard.batch_move
where instance_id = $1;
