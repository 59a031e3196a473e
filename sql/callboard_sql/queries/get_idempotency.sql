-- get_idempotency: what is kept of a request.
-- takes key text
-- returns key text, digest text, status int4, answer bytea, run_ids int8[], created_at
--     timestamptz
-- index idempotency_key_pkey
-- lock the row: of two requests that begin, one sees the other
select key, digest, status, answer, run_ids, created_at
from callboard.idempotency_key
where key = $1
for update;
