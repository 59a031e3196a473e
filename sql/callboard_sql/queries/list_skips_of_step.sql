-- list_skips_of_step: items that a step execution has skipped, in the order in which they were
--     stored.
-- takes step_id int8, after int8 (id of the last one of the page before), limit int8
-- returns id int8, step_id int8, phase text, item_hash text, item text, error_type text,
--     error_message text, at timestamptz
-- index batch_skip_step_idx
select id, step_id, phase, item_hash, item, error_type, error_message, at
from callboard.batch_skip
where step_id = $1
    and id > $2
order by id
limit $3::int8;
