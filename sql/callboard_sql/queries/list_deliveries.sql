-- list_deliveries: the messages of a webhook, newest first.
-- takes webhook_id int8, state text (NULL: any), before_id int8 (NULL: from the newest), limit int8
-- returns id int8, webhook_id int8, event text, subject text, payload text, state text, attempts
--     int4, due_at timestamptz, status int4, error text, created_at timestamptz, ended_at
--     timestamptz
-- index webhook_delivery_log_idx
select
    id, webhook_id, event, subject,
    payload::text as payload, state, attempts, due_at,
    status, error, created_at, ended_at
from callboard.webhook_delivery
where webhook_id = $1
    and ($2::text is null or state = $2)
    and id < coalesce($3::int8, 9223372036854775807)
order by id desc
limit $4::int8;
