-- prune_deliveries: remove messages of webhooks that ended long ago.
-- takes before timestamptz, limit int8
-- returns deliveries int8
-- index webhook_delivery_ended_idx, webhook_delivery_pkey
with gone as (
    delete from callboard.webhook_delivery
    where id = any(
        array(
            select old.id
            from callboard.webhook_delivery as old
            where old.state <> 'queued'
                and old.ended_at < $1
            limit $2::int8
        )
    )
    returning id
)
select count(*) as deliveries
from gone;
