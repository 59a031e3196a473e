-- cycle_runs: one cycle of the queue: end runs, create runs, claim due ones, and number the events
--     of all of it.
-- takes now timestamptz (NULL: the database's clock), ended_ids int8[] (ascending), epochs int8[]
--     (one alone: of all of them), started_ats float8[] (of their claims, seconds since 1970; NULL:
--     of whichever), states text[] (NULL: all of them succeeded), results text[], errors text[]
--     (NULL: none), ended_ats float8[] (seconds since 1970), told_ids int8[] (those of ended_ids in
--     the order of their events; NULL: ascending), log_run_ids int8[], first_seqs int8[], last_seqs
--     int8[], lines text[], new_ids int8[], job_places int4[] (from 1, in job_ids; 0: left out;
--     NULL: 1), arguments text[] (NULL: none), due_ats timestamptz[] (NULL: now), trace_ids text[],
--     job_ids int8[] (ascending), versions int8[], epoch int8 (NULL: nobody claims), born int8 (so
--     many of the new runs are created running), limit int8, due_from timestamptz (NULL: all),
--     limited_from timestamptz (NULL: all), blocks int4
-- returns now timestamptz, first_seq int8, node text, is_limited bool, missed_ends int8[],
--     missed_starts int8[], job_ids int8[], versions int8[], limited_due_at timestamptz, first_ids
--     int8[] (of the blocks of run ids), id int8, job text, group_name text, job_id int8, trigger
--     text, trigger_id int8, slot timestamptz, attempt int4, previous_run_id int8, chain_id int8,
--     arguments text, error text, progress text, crashes int4, unique_key text, stop_mode text,
--     stop_grace_s float8, trace_id text, created_at timestamptz, due_at timestamptz, requeued
--     bool; first one row of what concerns all of it, then one for each claimed run, oldest due
--     first, whose first ten are NULL, as is what is the usual: attempt 1, chain_id of its own,
--     arguments {}, crashes 0, due_at created_at, requeued false
-- index live_run_pkey, trigger_pkey, run_log_pkey, job_pkey, node_pkey, live_run_limited_due_idx,
--     live_run_free_idx (due_at, id) where state = 'queued' and not limited
-- lock the ended runs in the order of ids, then jobs for key share, then the claimed runs, those
--     that others hold passed over, at last the table stream_head. Each part reads a count of the
--     one before, which makes that the order in which they are run
with holder as materialized (
    select node.name, node.epoch
    from callboard.node
    where node.epoch = $21::int8
        and node.lease_until > coalesce($1::timestamptz, now())
),
birth as materialized (
    select
        (select holder.name from holder) as name,
        (select holder.epoch from holder) as epoch,
        case when exists (select from holder) then $22::int8 else 0 end as born
),
gone as (
    delete from callboard.live_run as run
    where run.id = any($2::int8[])
        and coalesce(run.state, '') = 'running'  -- not for the partial indexes to see
        and run.completed is null
        and run.epoch = ($3::int8[])[least(width_bucket(run.id, $2), cardinality($3))]
        and run.started_at = coalesce(
            to_timestamp(($4::float8[])[width_bucket(run.id, $2)]), run.started_at
        )
        and (
            run.trigger_id is null
            or not coalesce(
                (
                    select trigger.is_sequenced
                    from callboard.trigger
                    where trigger.id = run.trigger_id
                    limit 1
                ),
                false
            )
        )
    returning
        run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
        run.attempt, run.previous_run_id, run.chain_id, run.arguments, run.progress, run.node,
        run.epoch, run.crashes, run.unique_key, run.stop_mode, run.stop_grace_s, run.trace_id,
        run.created_at, run.due_at, run.started_at, run.terms, width_bucket(run.id, $2) as place
),
ended as (
    insert into callboard.ended_run (
        id, job, group_name, job_id, trigger, trigger_id, slot, state, attempt, previous_run_id,
        chain_id, arguments, result, error, progress, node, epoch, crashes, unique_key,
        stop_mode, stop_grace_s, trace_id, created_at, due_at, started_at, ended_at, terms
    )
    select
        id, job, group_name, job_id, trigger, trigger_id, slot,
        coalesce(($5::text[])[place], 'succeeded'), attempt, previous_run_id, chain_id,
        arguments, ($6::text[])[place]::jsonb, ($7::text[])[place]::jsonb, progress, node, epoch,
        crashes, unique_key, stop_mode, stop_grace_s, trace_id, created_at, due_at, started_at,
        to_timestamp(($8::float8[])[place]), terms
    from gone
    returning id
),
ends as materialized (
    select count(*) as count, array_agg(ended.id order by ended.id) as ids
    from ended
),
logged as (
    insert into callboard.run_log (run_id, first_seq, last_seq, lines)
    select chunk.run_id, chunk.first_seq, chunk.last_seq, chunk.lines::jsonb
    from ends
    cross join unnest($10::int8[], $11::int8[], $12::int8[], $13::text[])
        as chunk (run_id, first_seq, last_seq, lines)
    where chunk.run_id = ends.ids[width_bucket(chunk.run_id, ends.ids)]
        and chunk.first_seq > coalesce(
            (
                select stored.last_seq
                from callboard.run_log as stored
                where stored.run_id = chunk.run_id
                    and stored.first_seq <= chunk.first_seq
                order by stored.first_seq desc
                limit 1
            ),
            0
        )
    on conflict (run_id, first_seq) do nothing
    returning run_id
),
known as materialized (
    select
        array_agg(wanted.id order by wanted.place) as ids,
        array_agg(locked.name order by wanted.place) as names,
        array_agg(locked.group_name order by wanted.place) as group_names,
        array_agg(locked.limited order by wanted.place) as limited
    from unnest($19::int8[], $20::int8[]) with ordinality as wanted (id, version, place)
    left join lateral (
        select job.name, job.group_name, job.limited
        from callboard.job
        where job.id = wanted.id
            and job.version = wanted.version
            and (select ends.count from ends) >= 0
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
    cross join unnest($14::int8[], $15::int4[], $16::text[], $17::timestamptz[], $18::text[])
        with ordinality as new (id, job, arguments, due_at, trace_id, place)
    where known.names[coalesce(new.job, 1)] is not null
    returning id, state
),
starts as materialized (
    select
        count(*) as count,
        array_agg(fresh.id) as ids,
        array_agg(fresh.id) filter (where fresh.state = 'running') as born
    from fresh
),
waiting as materialized (
    select min(run.due_at) as due_at
    from callboard.live_run as run
    where run.state = 'queued'
        and run.limited
        and run.id > 0
        and run.due_at >= coalesce($25::timestamptz, '-infinity')
),
chosen as materialized (
    select run.ctid as place
    from callboard.live_run as run
    where run.state = 'queued'
        and not run.limited
        and run.due_at >= coalesce($24::timestamptz, '-infinity')
        and run.due_at <= coalesce($1::timestamptz, now())
        and (select starts.count from starts) >= 0
        and exists (select from holder)
        and not coalesce(
            (select waiting.due_at from waiting) <= coalesce($1::timestamptz, now()), false
        )
    order by run.due_at, run.id
    limit coalesce($23::int8, 0)
    for no key update of run skip locked
),
claimed as (
    update callboard.live_run as run
    set
        state = 'running',
        node = (select holder.name from holder),
        epoch = (select holder.epoch from holder),
        started_at = coalesce($1::timestamptz, now())
    where run.ctid = any(array(select chosen.place from chosen))
    returning
        run.id, run.job, run.group_name, run.job_id, run.trigger, run.trigger_id, run.slot,
        run.attempt, run.previous_run_id, run.chain_id, run.arguments::text as arguments,
        run.error::text as error, run.progress::text as progress, run.crashes, run.unique_key,
        run.stop_mode, run.stop_grace_s, run.trace_id, run.created_at, run.due_at, run.requeued
),
sorted as materialized (
    select
        id, job, group_name, job_id, trigger, trigger_id, slot, attempt, previous_run_id,
        chain_id, arguments, error, progress, crashes, unique_key, stop_mode, stop_grace_s,
        trace_id, created_at, due_at, requeued
    from claimed
    order by due_at, id
),
claims as materialized (
    select
        array_agg(sorted.id) as ids,
        case when max(sorted.crashes) > 0 then array_agg(sorted.crashes) end as crashes
    from sorted
),
told as materialized (
    select
        case
            when ends.count = cardinality($2::int8[]) then coalesce($9::int8[], $2)
            else array(
                select given.id
                from unnest(coalesce($9, $2)) with ordinality as given (id, place)
                where given.id = any(ends.ids)
                order by given.place
            )
        end as ended,
        coalesce(starts.ids, '{}') as queued,
        coalesce(starts.born || claims.ids, starts.born, claims.ids, '{}') as started,
        case
            when claims.crashes is not null
            then array_fill(0, array[coalesce(cardinality(starts.born), 0)]) || claims.crashes
        end as crashes,
        (select count(*) from logged) as logs
    from ends, starts, claims
),
numbered as materialized (
    select
        told.ended, told.queued, told.started, told.crashes,
        callboard.take_event_numbers() as seq,
        cardinality(told.ended) + cardinality(told.queued) + cardinality(told.started) as count
    from told
    where cardinality(told.ended) + cardinality(told.queued) + cardinality(told.started) > 0
        and told.logs >= 0
),
stored as (
    insert into callboard.event_batch (
        first_seq, last_seq, at, node, ended, ended_states, queued, started, started_crashes
    )
    select
        seq, seq + count - 1, coalesce($1::timestamptz, now()), (select holder.name from holder),
        ended,
        case
            when $5::text[] is not null
            then array(
                select coalesce(($5::text[])[width_bucket(given.id, $2)], 'succeeded')
                from unnest(numbered.ended) with ordinality as given (id, place)
                order by given.place
            )
        end,
        queued, started, crashes
    from numbered
    returning first_seq
)
select
    coalesce($1::timestamptz, now()) as now,
    coalesce((select stored.first_seq from stored), 0) as first_seq,
    (select holder.name from holder) as node,
    coalesce($23::int8, 0) > 0
    and exists (select from holder)
    and coalesce((select waiting.due_at from waiting) <= coalesce($1::timestamptz, now()), false)
        as is_limited,
    case
        when ends.count < cardinality($2::int8[])
        then array(select unnest($2) except select unnest(ends.ids))
    end as missed_ends,
    case
        when starts.count < cardinality($14::int8[])
        then array(select unnest($14) except select unnest(starts.ids))
    end as missed_starts,
    versions.job_ids,
    versions.versions,
    case when $23::int8 > 0 then (select waiting.due_at from waiting) end as limited_due_at,
    array(
        select nextval('callboard.run_id_block')
        from generate_series(1, $26::int4)
    ) as first_ids,
    null::int8 as id, null::text as job, null::text as group_name, null::int8 as job_id,
    null::text as trigger, null::int8 as trigger_id, null::timestamptz as slot,
    null::int4 as attempt, null::int8 as previous_run_id, null::int8 as chain_id,
    null::text as arguments, null::text as error, null::text as progress,
    null::int4 as crashes, null::text as unique_key, null::text as stop_mode,
    null::float8 as stop_grace_s, null::text as trace_id, null::timestamptz as created_at,
    null::timestamptz as due_at, null::bool as requeued
from ends, starts
cross join (
    select array_agg(job.id) as job_ids, array_agg(job.version) as versions
    from callboard.job
    where job.id = any(array(select distinct sorted.job_id from sorted))
) as versions
union all
select
    null, null, null, null, null, null, null, null, null, null,
    id, job, group_name, job_id, trigger, trigger_id, slot, nullif(attempt, 1), previous_run_id,
    nullif(chain_id, id), nullif(arguments, '{}'), error, progress, nullif(crashes, 0), unique_key,
    stop_mode, stop_grace_s, trace_id, created_at, nullif(due_at, created_at),
    nullif(requeued, false)
from sorted;
