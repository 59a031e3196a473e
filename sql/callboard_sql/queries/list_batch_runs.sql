-- list_batch_runs: all batch runs of an instance, oldest first.
-- takes instance_id int8
-- returns run_id int8, instance_id int8, arguments text, reference_names text[], context text,
--     exit_code text, exit_message text, definition text, mapped text, begun_at timestamptz,
--     recovered_at timestamptz, recovery text
-- index batch_run_instance_idx
select
    run_id, instance_id, arguments::text as arguments, reference_names, context::text as context,
    exit_code, exit_message, definition::text as definition, mapped::text as mapped, begun_at,
    recovered_at, recovery
from callboard.batch_run
where instance_id = $1
order by run_id;
