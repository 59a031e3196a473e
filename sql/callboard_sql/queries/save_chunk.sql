-- save_chunk: store a step's checkpoint with what the same transaction has written.
-- takes id int8, epoch int8, reads int8, writes int8, filters int8, commits int8, rollbacks int8,
--     read_skips int8, process_skips int8, write_skips int8, retries int8, cursor_value text,
--     context text, now timestamptz (NULL: the database's clock)
-- returns state text (the run's; NULL: the step is not this node's any more, or the transaction is
--     not the one in which the chunk has set callboard_chunk.is_begun to on)
-- lock the step until the commit: whoever takes the run over waits for it
select callboard.save_chunk(
    $1, $2, $3, $4, $5, $6, $7,
    $8, $9, $10, $11, $12::text::jsonb,
    $13::text::jsonb, $14
) as state;
