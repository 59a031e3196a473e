-- insert_idempotency: note a request that carries an Idempotency-Key.
-- takes key text, digest text, status int4, answer bytea, run_ids int8[], created_at timestamptz
-- returns key text; no row: the key is there already
-- index idempotency_key_pkey
insert into callboard.idempotency_key (key, digest, status, answer, run_ids, created_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (key) do nothing
returning key;
