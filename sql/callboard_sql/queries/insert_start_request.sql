-- insert_start_request: start a run when the caller's transaction is committed, and hint the nodes
--     then.
-- takes run_id text (NULL: one of a block that is taken for it alone), job_id text, job text,
--     group_name text, arguments text, due_at text (NULL: at once), unique_key text, priority text
--     (NULL: the job's), trace_id text (all of them text: callers come with drivers of all kinds)
-- returns run_id int8, created_at timestamptz
-- index none
with request as (
    insert into callboard.start_request (
        run_id, job_id, job, group_name, arguments, due_at, unique_key, priority, trace_id,
        created_at
    )
    values (
        coalesce($1::text::int8, nextval('callboard.run_id_block')), $2::text::int8, $3::text,
        $4::text, $5::text::jsonb, $6::text::timestamptz, $7::text, $8::text::int4, $9::text,
        clock_timestamp()
    )
    returning run_id, created_at
)
select request.run_id, request.created_at
from request
cross join lateral pg_notify('callboard', 'caller:starts');
