-- insert_bookmarks: store new versions of jobs' bookmarks, and remove those that are too old.
-- takes job_ids int8[], versions int8[], runs int8[], attempts int8[], run_ids int8[],
--     previous_run_ids int8[], values text[], ats timestamptz[], keep int8 (versions a job)
-- returns job_id int8, version int8 (of those that were stored: not of jobs that are gone)
-- index bookmark_pkey, job_pkey
-- lock the caller has the bookmarks: nobody else writes these versions
with gone as (
    delete from callboard.bookmark
    using unnest($1::int8[], $2::int8[]) as newer (job_id, version)
    where bookmark.job_id = newer.job_id
        and bookmark.version <= newer.version - $9::int8
)
insert into callboard.bookmark (
    job_id, version, run, attempt, run_id, previous_run_id, value, at
)
select
    new.job_id, new.version, new.run, new.attempt, new.run_id, new.previous_run_id,
    new.value::jsonb, new.at
from unnest(
    $1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::text[],
    $8::timestamptz[]
) as new (job_id, version, run, attempt, run_id, previous_run_id, value, at)
where exists (
    select
    from callboard.job
    where job.id = new.job_id
)
returning job_id, version;
