-- read_ends: the ends of runs of some jobs, in a stretch of the events: whole batches, ascending.
-- takes after int8, until int8, job_ids int8[], events int8 (about so many at the most),
--     group_names text[], jobs text[] (the jobs by name, too)
-- returns first_seq int8 (of the stretch; NULL: nothing is stored of it), last_seq int8, seq int8
--     (of an end; NULL, as all behind it: there is none), commit_seq int8, at timestamptz, run_id
--     int8, job_id int8, job text, group_name text, state text, chain_id int8, is_final bool,
--     is_triggered bool (a trigger began its chain), workflow_run_id int8
-- index event_batch_pkey, ended_run_pkey, ended_run_chain_idx, live_run_chain_idx
with batch as materialized (
    select
        stored.first_seq, stored.last_seq, stored.at, stored.ended, stored.ended_states,
        stored.records
    from callboard.event_batch as stored
    where stored.first_seq > $1
        and stored.first_seq <= $2
        and stored.first_seq < $4 + (
            select min(oldest.first_seq)
            from callboard.event_batch as oldest
            where oldest.first_seq > $1
        )
),
ended as (
    select
        batch.first_seq + given.place - 1 as seq, batch.first_seq as commit_seq, batch.at,
        given.id as run_id, coalesce(batch.ended_states[given.place], 'succeeded') as state
    from batch
    cross join unnest(batch.ended) with ordinality as given (id, place)
    union all
    select
        batch.last_seq - jsonb_array_length(batch.records) + told.place, batch.first_seq,
        batch.at, (told.record ->> 1)::int8, told.record -> 2 ->> 'state'
    from batch
    cross join jsonb_array_elements(batch.records) with ordinality as told (record, place)
    where batch.records <> '[]'
        and told.record ->> 0 = 'run.ended'
),
found as (
    select
        ended.seq, ended.commit_seq, ended.at, run.id as run_id, run.job_id, run.job,
        run.group_name, ended.state, run.chain_id,
        ended.state = 'succeeded' or not exists (
            select
            from callboard.live_run as next
            where next.chain_id = run.chain_id
                and next.previous_run_id = run.id
                and next.created_at <= ended.at
        ) and not exists (
            select
            from callboard.ended_run as next
            where next.chain_id = run.chain_id
                and next.previous_run_id = run.id
                and next.created_at <= ended.at
        ) as is_final,
        run.trigger is not null or run.chain_id <> run.id and exists (
            select
            from callboard.ended_run as first
            where first.id = run.chain_id
                and first.trigger is not null
        ) as is_triggered,
        (run.terms ->> 'workflow_run_id')::int8 as workflow_run_id
    from ended
    cross join lateral (
        select
            past.id, past.job_id, past.job, past.group_name, past.chain_id, past.trigger,
            past.terms
        from callboard.ended_run as past
        where past.id = ended.run_id
        limit 1
    ) as run
    where run.job_id = any($3::int8[])
        or (run.group_name, run.job) in (
            select named.group_name, named.job
            from unnest($5::text[], $6::text[]) as named (group_name, job)
        )
)
select
    stretch.first_seq, stretch.last_seq, found.seq, found.commit_seq, found.at, found.run_id,
    found.job_id, found.job, found.group_name, found.state, found.chain_id, found.is_final,
    found.is_triggered, found.workflow_run_id
from (
    select min(batch.first_seq) as first_seq, max(batch.last_seq) as last_seq
    from batch
) as stretch
left join found on true
order by found.seq;
