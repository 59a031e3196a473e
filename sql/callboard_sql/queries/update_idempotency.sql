-- update_idempotency: keep the answer to a request.
-- takes key text, status int4, answer bytea, run_ids int8[]
-- returns nothing
-- index idempotency_key_pkey
update callboard.idempotency_key
set
    status = $2,
    answer = $3,
    run_ids = $4
where key = $1;
