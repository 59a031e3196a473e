-- insert_batch_step: store a new execution of a step.
-- takes instance_id int8, run_id int8, manager_id int8, first_id int8 (0: its own id), name text,
--     visit int4, state text, exit_code text, exit_message text, reads int8, writes int8, filters
--     int8, commits int8, rollbacks int8, read_skips int8, process_skips int8, write_skips int8,
--     retries int8, cursor_value text, context text, plan text, expected int8, committed_at
--     timestamptz, ended_at timestamptz, now timestamptz (NULL: the database's clock)
-- returns id int8, first_id int8, started_at timestamptz
-- lock the instance's key
with fresh as materialized (
    select nextval('callboard.batch_step_id_seq') as id
)
insert into callboard.batch_step (
    id, instance_id, run_id, manager_id, first_id, name, visit, state, exit_code, exit_message,
    reads, writes, filters, commits, rollbacks, read_skips, process_skips, write_skips, retries,
    cursor_value, context, plan, expected, committed_at, ended_at, started_at
)
select
    fresh.id, $1::int8, $2::int8, $3::int8, coalesce(nullif($4::int8, 0), fresh.id), $5::text,
    $6::int4, $7::text, $8::text, $9::text,
    $10::int8, $11::int8, $12::int8, $13::int8, $14::int8, $15::int8, $16::int8, $17::int8,
    $18::int8, $19::text::jsonb, $20::text::jsonb, $21::text::jsonb, $22::int8, $23::timestamptz,
    $24::timestamptz, coalesce($25::timestamptz, now())
from fresh
returning id, first_id, started_at;
