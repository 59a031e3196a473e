-- list_skips_of_run: items that the steps of a run have skipped, in the order in which they were
--     stored.
-- takes run_id int8, after int8 (id of the last one of the page before), limit int8
-- returns id int8, step_id int8, phase text, item_hash text, item text, error_type text,
--     error_message text, at timestamptz
-- index batch_skip_run_idx
select id, step_id, phase, item_hash, item, error_type, error_message, at
from callboard.batch_skip
where run_id = $1
    and id > $2
order by id
limit $3::int8;
