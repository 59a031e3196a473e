-- delete_webhook: remove a webhook, and its messages with it.
-- takes id int8
-- returns id int8; no row: it was gone
-- index webhook_pkey
delete from callboard.webhook
where id = $1
returning id;
