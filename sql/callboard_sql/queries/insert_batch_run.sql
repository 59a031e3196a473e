-- insert_batch_run: store what a run of a batch instance has beside what every run has.
-- takes run_id int8, instance_id int8, arguments text, reference_names text[], context text,
--     exit_code text, exit_message text, definition text, mapped text, begun_at timestamptz,
--     recovered_at timestamptz, recovery text
-- returns nothing
-- lock none but the new row's
insert into callboard.batch_run (
    run_id, instance_id, arguments, reference_names, context, exit_code, exit_message, definition,
    mapped, begun_at, recovered_at, recovery
)
values (
    $1, $2, $3::text::jsonb, $4, $5::text::jsonb, $6, $7, $8::text::jsonb,
    $9::text::jsonb, $10, $11, $12
);
