-- prune_idempotency: forget the oldest requests.
-- takes before timestamptz, limit int8
-- returns requests int8
-- index idempotency_key_created_idx
with old as materialized (
    select key
    from callboard.idempotency_key
    where created_at < $1
    order by created_at
    limit $2::int8
),
gone as (
    delete from callboard.idempotency_key
    where key = any(array(select old.key from old))
    returning key
)
select count(*) as requests
from gone;
