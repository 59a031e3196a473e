-- count_waiting: how many runs wait behind concurrency keys, each counted up to a number.
-- takes job_ids int8[], queues text[], concurrency_keys text[], mosts int8[]
-- returns count int8; one row for each, in their order
-- index live_run_lane_idx (its first three columns)
select counted.count
from unnest($1::int8[], $2::text[], $3::text[], $4::int8[]) with ordinality
    as wanted (job_id, queue, concurrency_key, most, place)
cross join lateral (
    select count(*) as count
    from (
        select
        from callboard.live_run as run
        where run.state = 'queued'
            and run.limited
            and run.job_id = wanted.job_id
            and run.queue = wanted.queue
            and run.concurrency_key = wanted.concurrency_key
        limit wanted.most
    ) as waiting
) as counted
order by wanted.place;
