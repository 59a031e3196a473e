-- update_webhook: replace the definition of a webhook that is still at the version the caller read.
-- takes id int8, version int8, definition text, now timestamptz (NULL: the database's clock)
-- returns version int8, updated_at timestamptz; no row: gone, or at another version
-- index webhook_pkey
update callboard.webhook
set
    definition = $3::text::jsonb,
    version = version + 1,
    updated_at = coalesce($4::timestamptz, now())
where id = $1
    and version = $2
returning version, updated_at;
