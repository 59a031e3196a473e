-- delete_batch_instance: forget a batch instance, its batch runs, steps, moves and skipped items.
-- takes id int8
-- returns id int8; no row: there was none
-- index batch_instance_pkey
delete from callboard.batch_instance
where id = $1
returning id;
