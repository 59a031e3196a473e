-- take_start_requests: take the oldest starts that callers have committed.
-- takes limit int8
-- returns run_id int8, job_id int8, job text, group_name text, arguments text, due_at timestamptz,
--     unique_key text, priority int4, trace_id text, created_at timestamptz
-- index start_request_pkey
-- lock the rows; those that others hold are passed over
delete from callboard.start_request as request
where request.run_id = any(
    array(
        select waiting.run_id
        from callboard.start_request as waiting
        order by waiting.run_id
        limit $1::int8
        for update skip locked
    )
)
returning
    request.run_id, request.job_id, request.job, request.group_name,
    request.arguments::text as arguments, request.due_at, request.unique_key, request.priority,
    request.trace_id, request.created_at;
