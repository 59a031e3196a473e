-- note_failing_jobs: remember jobs whose last chain did not succeed, those that are not yet.
-- takes job_ids int8[], run_ids int8[], sinces timestamptz[]
-- returns job_id int8
-- index failing_job_pkey
insert into callboard.failing_job (job_id, run_id, since)
select new.job_id, new.run_id, new.since
from unnest($1::int8[], $2::int8[], $3::timestamptz[]) as new (job_id, run_id, since)
on conflict (job_id) do nothing
returning job_id;
