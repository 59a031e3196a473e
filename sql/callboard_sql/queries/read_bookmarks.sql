-- read_bookmarks: the newest version of each job's bookmark.
-- takes job_ids int8[]
-- returns job_id int8, version int8, run int8, attempt int8, run_id int8, previous_run_id int8,
--     value text, at timestamptz (no row: the job has none)
-- index bookmark_pkey
select
    newest.job_id, newest.version, newest.run, newest.attempt, newest.run_id,
    newest.previous_run_id, newest.value::text as value, newest.at
from unnest($1::int8[]) as wanted (job_id)
cross join lateral (
    select
        bookmark.job_id, bookmark.version, bookmark.run, bookmark.attempt, bookmark.run_id,
        bookmark.previous_run_id, bookmark.value, bookmark.at
    from callboard.bookmark
    where bookmark.job_id = wanted.job_id
    order by bookmark.version desc
    limit 1
) as newest;
