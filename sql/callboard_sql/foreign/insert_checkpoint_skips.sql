-- insert_checkpoint_skips: store items that a step's chunk has skipped, in its transaction.
-- takes origin text, step_id int8, run_id int8, phases text[], item_hashes text[], items text[],
--     error_types text[], error_messages text[], now timestamptz (NULL: the database's clock)
-- returns nothing
-- lock none but the new rows'
insert into application.callboard_skip (
    origin, step_id, run_id, phase, item_hash, item, error_type, error_message, at
)
select
    $1::text, $2::int8, $3::int8, new.phase, new.item_hash, new.item, new.error_type,
    new.error_message, coalesce($9::timestamptz, clock_timestamp())
from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
    with ordinality as new (phase, item_hash, item, error_type, error_message, place)
order by new.place;
