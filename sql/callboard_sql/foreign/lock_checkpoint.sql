-- lock_checkpoint: which execution of a step was the last to open it, and what it has counted.
-- takes origin text, first_id int8
-- returns fence int8, reads int8, writes int8, filters int8, commits int8, rollbacks int8,
--     read_skips int8, process_skips int8, write_skips int8, retries int8, cursor_value text,
--     context text; no row: none was
-- index callboard_checkpoint_pkey
-- lock the row: a chunk that is about to commit ends first
select
    fence,
    reads, writes, filters, commits, rollbacks, read_skips, process_skips, write_skips, retries,
    cursor_value::text as cursor_value, context::text as context
from application.callboard_checkpoint
where origin = $1
    and first_id = $2
for update;
