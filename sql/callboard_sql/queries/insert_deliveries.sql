-- insert_deliveries: store messages of webhooks, each once.
-- takes webhook_ids int8[], events text[], subjects text[], payloads text[], now timestamptz (NULL:
--     the database's clock)
-- returns id int8 (of those that were stored: the others were before)
-- index webhook_delivery_once_key
insert into callboard.webhook_delivery (
    webhook_id, event, subject, payload, state, attempts, due_at, created_at
)
select
    new.webhook_id, new.event, new.subject, new.payload::jsonb, 'queued', 0,
    coalesce($5::timestamptz, now()), coalesce($5::timestamptz, now())
from unnest($1::int8[], $2::text[], $3::text[], $4::text[])
    as new (webhook_id, event, subject, payload)
on conflict (webhook_id, subject, event) do nothing
returning id;
