-- list_job_ids: ids of jobs by name, or of all jobs of a group.
-- takes group_names text[], names text[] (pairs; a NULL name: all of the group)
-- returns id int8
-- index job_name_key
select distinct job.id
from unnest($1::text[], $2::text[]) as wanted (group_name, name)
join callboard.job
    on job.group_name = wanted.group_name
    and (wanted.name is null or job.name = wanted.name);
