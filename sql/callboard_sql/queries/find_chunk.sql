-- find_chunk: a running step's checkpoint, behind a chunk of it whose commit is in doubt.
-- takes id int8
-- returns reads int8, writes int8, filters int8, commits int8, rollbacks int8, read_skips int8,
--     process_skips int8, write_skips int8, retries int8, cursor_value text, context text
-- index batch_step_pkey
-- lock for share: a transaction that has saved its chunk ends first, whichever way
select
    reads, writes, filters, commits, rollbacks, read_skips, process_skips, write_skips, retries,
    cursor_value::text as cursor_value, context::text as context
from callboard.batch_step
where id = $1
    and state = 'running'
for share;
