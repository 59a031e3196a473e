-- insert_batch_skips: store items that a step's chunk has skipped, in the chunk's transaction.
-- takes step_id int8, run_id int8, phases text[], item_hashes text[], items text[], error_types
--     text[], error_messages text[], now timestamptz (NULL: the database's clock)
-- returns nothing
-- lock the step's key, which the chunk has already
insert into callboard.batch_skip (
    step_id, run_id, phase, item_hash, item, error_type, error_message, at
)
select
    $1::int8, $2::int8, new.phase, new.item_hash, new.item, new.error_type, new.error_message,
    coalesce($8::timestamptz, clock_timestamp())
from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    with ordinality as new (phase, item_hash, item, error_type, error_message, place)
order by new.place;
