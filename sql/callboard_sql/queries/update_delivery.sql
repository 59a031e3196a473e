-- update_delivery: note what became of an attempt to send a message.
-- takes id int8, attempts int4 (as it was taken), state text, due_at timestamptz, status int4,
--     error text, now timestamptz (NULL: the database's clock)
-- returns id int8; no row: somebody else has taken it since
-- index webhook_delivery_pkey
update callboard.webhook_delivery
set
    state = $3,
    due_at = $4,
    status = $5,
    error = $6,
    ended_at = case when $3 <> 'queued' then coalesce($7::timestamptz, now()) end
where id = $1
    and attempts = $2
    and state = 'queued'
returning id;
