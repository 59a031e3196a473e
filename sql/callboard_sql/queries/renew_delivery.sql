-- renew_delivery: have a message sent again from the beginning.
-- takes id int8, webhook_id int8, now timestamptz (NULL: the database's clock)
-- returns id int8, webhook_id int8, event text, subject text, payload text, state text, attempts
--     int4, due_at timestamptz, status int4, error text, created_at timestamptz, ended_at
--     timestamptz; no row: there is none
-- index webhook_delivery_log_idx
update callboard.webhook_delivery
set
    state = 'queued',
    attempts = 0,
    due_at = coalesce($3::timestamptz, now()),
    status = null,
    error = null,
    ended_at = null
where id = $1
    and webhook_id = $2
returning
    id, webhook_id, event, subject,
    payload::text as payload, state, attempts, due_at,
    status, error, created_at, ended_at;
