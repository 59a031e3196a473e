-- save_checkpoint: store a step's checkpoint with what the same transaction has written.
-- takes origin text, first_id int8, fence int8, reads int8, writes int8, filters int8, commits
--     int8, rollbacks int8, read_skips int8, process_skips int8, write_skips int8, retries int8,
--     cursor_value text, context text, now timestamptz (NULL: the database's clock)
-- returns fence int8; no row: a later execution has it, or the transaction is not the one in which
--     the chunk has set callboard_chunk.is_begun to on
-- index callboard_checkpoint_pkey
-- lock the row until the commit
update application.callboard_checkpoint
set
    reads = $4,
    writes = $5,
    filters = $6,
    commits = $7,
    rollbacks = $8,
    read_skips = $9,
    process_skips = $10,
    write_skips = $11,
    retries = $12,
    cursor_value = $13::text::jsonb,
    context = $14::text::jsonb,
    committed_at = coalesce($15::timestamptz, clock_timestamp())
where origin = $1
    and first_id = $2
    and fence = $3
    and current_setting('callboard_chunk.is_begun', true) = 'on'
returning fence;
