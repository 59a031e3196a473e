-- delete_job: remove a job.
-- takes id int8
-- returns id int8; no row: it was not there
-- index job_pkey
delete from callboard.job
where id = $1
returning id;
