-- list_queued_run_ids: ids of queued and parked runs of a job, ascending.
-- takes job_id int8, limit int8
-- returns id int8
-- index live_run_job_idx (job_id, id) where state = 'queued' and id > 0, live_run_begun_idx
select id
from (
    (
        select run.id
        from callboard.live_run as run
        where run.job_id = $1
            and run.state = 'queued'
            and run.id > 0
        order by run.id
        limit $2::int8
    )
    union all
    (
        select parked.id
        from (
            select run.id
            from callboard.live_run as run
            where run.job_id = $1
                and run.state = 'parked'
                and run.state <> 'queued'
            offset 0
        ) as parked
        order by parked.id
        limit $2::int8
    )
) as waiting
order by id
limit $2::int8;
