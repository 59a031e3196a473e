-- find_checkpoint: a step's checkpoint, behind a chunk of it whose commit is in doubt.
-- takes origin text, first_id int8, fence int8
-- returns reads int8, writes int8, filters int8, commits int8, rollbacks int8, read_skips int8,
--     process_skips int8, write_skips int8, retries int8, cursor_value text, context text; no row:
--     a later execution has it
-- index callboard_checkpoint_pkey
-- lock for share: a transaction that has saved its chunk ends first, whichever way
select
    reads, writes, filters, commits, rollbacks, read_skips, process_skips, write_skips, retries,
    cursor_value::text as cursor_value, context::text as context
from application.callboard_checkpoint
where origin = $1
    and first_id = $2
    and fence = $3
for share;
