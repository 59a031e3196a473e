-- delete_queue: remove a queue.
-- takes id int8
-- returns id int8; no row: it was not there
-- index queue_pkey
delete from callboard.queue
where id = $1
returning id;
