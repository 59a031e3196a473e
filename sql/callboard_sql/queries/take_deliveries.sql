-- take_deliveries: take messages that are due, for a while.
-- takes limit int8, hold interval, now timestamptz (NULL: the database's clock)
-- returns id int8, webhook_id int8, event text, subject text, payload text, state text, attempts
--     int4, due_at timestamptz, status int4, error text, created_at timestamptz, ended_at
--     timestamptz
-- index webhook_delivery_due_idx, webhook_delivery_pkey
-- lock the rows; those that others hold are passed over
update callboard.webhook_delivery as delivery
set
    attempts = delivery.attempts + 1,
    due_at = coalesce($3::timestamptz, now()) + $2::interval
where delivery.id = any(
    array(
        select waiting.id
        from callboard.webhook_delivery as waiting
        where waiting.state = 'queued'
            and waiting.due_at <= coalesce($3::timestamptz, now())
        order by waiting.due_at
        limit $1::int8
        for update skip locked
    )
)
returning
    delivery.id, delivery.webhook_id, delivery.event, delivery.subject,
    delivery.payload::text as payload, delivery.state, delivery.attempts, delivery.due_at,
    delivery.status, delivery.error, delivery.created_at, delivery.ended_at;
