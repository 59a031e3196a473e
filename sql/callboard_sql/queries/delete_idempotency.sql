-- delete_idempotency: forget a request.
-- takes key text
-- returns nothing
-- index idempotency_key_pkey
delete from callboard.idempotency_key
where key = $1;
