-- count_job_runs: how many runs of jobs with max_concurrent_runs are queued, but not held, running
--     or stopping, each counted up to a number at least.
-- takes job_ids int8[], mosts int8[]
-- returns count int8; one row for each, in their order
-- index live_run_lane_idx, live_run_slot_idx
-- lock needs lock_job_room in a statement before, to be true until the commit
select waiting.count + working.count as count
from unnest($1::int8[], $2::int8[]) with ordinality as wanted (job_id, most, place)
cross join lateral (
    select count(*) as count
    from (
        select
        from callboard.live_run as run
        where run.state = 'queued'
            and run.limited
            and run.job_id = wanted.job_id
            and run.due_at < 'infinity'
        limit wanted.most
    ) as queued
) as waiting
cross join lateral (
    select count(*) as count
    from (
        select
        from callboard.live_run as run
        where run.state in ('running', 'stopping')
            and run.limited
            and run.job_id = wanted.job_id
        limit wanted.most
    ) as held
) as working
order by wanted.place;
