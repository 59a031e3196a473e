-- start_runs: create runs and number their events: a cycle of which there is nothing else, at a
--     third less of what a statement costs by itself.
-- takes now timestamptz (NULL: the database's clock), ids int8[], job_places int4[] (from 1, in
--     job_ids; 0: left out; NULL: 1), arguments text[] (NULL: none), due_ats timestamptz[] (NULL:
--     now), trace_ids text[], job_ids int8[] (ascending), versions int8[], epoch int8, born int8
--     (so many of the first are created running, under epoch), blocks int4
-- returns now timestamptz, first_seq int8, node text, missed_starts int8[], first_ids int8[] (of
--     the blocks of run ids)
-- index job_pkey, node_pkey
-- lock the jobs for key share, in the order of ids, at last the table stream_head
with holder as materialized (
    select node.name, node.epoch
    from callboard.node
    where node.epoch = $9::int8
        and node.lease_until > coalesce($1::timestamptz, now())
),
birth as materialized (
    select
        (select holder.name from holder) as name,
        (select holder.epoch from holder) as epoch,
        case when exists (select from holder) then $10::int8 else 0 end as born
),
known as materialized (
    select
        array_agg(wanted.id order by wanted.place) as ids,
        array_agg(locked.name order by wanted.place) as names,
        array_agg(locked.group_name order by wanted.place) as group_names,
        array_agg(locked.limited order by wanted.place) as limited
    from unnest($7::int8[], $8::int8[]) with ordinality as wanted (id, version, place)
    left join lateral (
        select job.name, job.group_name, job.limited
        from callboard.job
        where job.id = wanted.id
            and job.version = wanted.version
        limit 1
        for key share of job
    ) as locked on true
),
fresh as (
    insert into callboard.live_run (
        id, job, group_name, job_id, state, attempt, chain_id, arguments, node, epoch, crashes,
        trace_id, limited, created_at, due_at, started_at
    )
    select
        new.id, known.names[coalesce(new.job, 1)], known.group_names[coalesce(new.job, 1)],
        known.ids[coalesce(new.job, 1)],
        case when new.place <= birth.born then 'running' else 'queued' end, 1, new.id,
        coalesce(new.arguments, '{}')::jsonb,
        case when new.place <= birth.born then birth.name end,
        case when new.place <= birth.born then birth.epoch end, 0, new.trace_id,
        known.limited[coalesce(new.job, 1)], coalesce($1::timestamptz, now()),
        coalesce(new.due_at, $1::timestamptz, now()),
        case when new.place <= birth.born then coalesce($1::timestamptz, now()) end
    from known
    cross join birth
    cross join unnest($2::int8[], $3::int4[], $4::text[], $5::timestamptz[], $6::text[])
        with ordinality as new (id, job, arguments, due_at, trace_id, place)
    where known.names[coalesce(new.job, 1)] is not null
    returning id, state
),
starts as materialized (
    select
        count(*) as count,
        coalesce(array_agg(fresh.id), '{}') as ids,
        coalesce(array_agg(fresh.id) filter (where fresh.state = 'running'), '{}') as born
    from fresh
),
numbered as materialized (
    select
        starts.ids, starts.born, callboard.take_event_numbers() as seq,
        starts.count + cardinality(starts.born) as count
    from starts
    where starts.count > 0
),
stored as (
    insert into callboard.event_batch (first_seq, last_seq, at, node, queued, started)
    select
        numbered.seq, numbered.seq + numbered.count - 1, coalesce($1::timestamptz, now()),
        birth.name, numbered.ids, numbered.born
    from numbered
    cross join birth
    returning first_seq
)
select
    coalesce($1::timestamptz, now()) as now,
    coalesce((select stored.first_seq from stored), 0) as first_seq,
    birth.name as node,
    case
        when starts.count < cardinality($2::int8[])
        then array(select unnest($2) except select unnest(starts.ids))
    end as missed_starts,
    array(
        select nextval('callboard.run_id_block')
        from generate_series(1, $11::int4)
    ) as first_ids
from starts
cross join birth;
