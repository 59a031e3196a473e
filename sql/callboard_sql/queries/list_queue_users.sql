-- list_queue_users: names of the jobs that name a queue, ascending.
-- takes group_name text, queue text, limit int8
-- returns name text
-- index job_queue_idx
select job.name
from callboard.job
where job.group_name = $1
    and job.rules ? 'queue'
    and job.rules ->> 'queue' = $2
order by job.name
limit $3::int8;
