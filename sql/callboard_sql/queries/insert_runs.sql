-- insert_runs: store new runs, queued, in the given order.
-- takes ids text (the literal of an int8[]), job_ids int8[], jobs text[], group_names text[],
--     trigger_ids int8[], triggers text[], slots timestamptz[], attempts int4[], previous_run_ids
--     int8[], chain_ids int8[] (NULL: each is its own), arguments text[], progress text[], crashes
--     int4[], unique_keys text[], trace_ids text[], created_ats timestamptz[], due_ats
--     timestamptz[], terms text[]; an array of one stands for all
-- returns id int8 (of those that were stored: one whose unique_key a live run of the job has is
--     left out)
-- index live_run_unique_idx, job_pkey
-- lock the jobs for key share: their "limited" stays as it is copied until the commit
with locked as materialized (
    select job.id, job.limited
    from callboard.job
    where job.id = any($2::int8[])
    order by job.id
    for key share of job
),
bounded as materialized (
    select coalesce(array_agg(locked.id) filter (where locked.limited), '{}') as job_ids
    from locked
)
insert into callboard.live_run (
    id, job_id, job, group_name, trigger_id, trigger, slot, state, attempt, previous_run_id,
    chain_id, arguments, progress, crashes, unique_key, trace_id, created_at, due_at, terms,
    limited, queue, concurrency_key, priority, wait_until
)
select
    new.id,
    coalesce(new.job_id, ($2::int8[])[1]),
    coalesce(new.job, ($3::text[])[1]),
    coalesce(new.group_name, ($4::text[])[1]),
    case when cardinality($5::int8[]) = 1 then ($5::int8[])[1] else new.trigger_id end,
    case when cardinality($6::text[]) = 1 then ($6::text[])[1] else new.trigger end,
    case
        when cardinality($7::timestamptz[]) = 1 then ($7::timestamptz[])[1]
        else new.slot
    end,
    'queued',
    coalesce(new.attempt, ($8::int4[])[1]),
    case when cardinality($9::int8[]) = 1 then ($9::int8[])[1] else new.previous_run_id end,
    case
        when cardinality($10::int8[]) = 1 then ($10::int8[])[1]
        else coalesce(new.chain_id, new.id)
    end,
    coalesce(new.arguments, ($11::text[])[1])::jsonb,
    case when cardinality($12::text[]) = 1 then ($12::text[])[1] else new.progress end::jsonb,
    coalesce(new.crashes, ($13::int4[])[1]),
    case when cardinality($14::text[]) = 1 then ($14::text[])[1] else new.unique_key end,
    coalesce(new.trace_id, ($15::text[])[1]),
    coalesce(new.created_at, ($16::timestamptz[])[1]),
    coalesce(new.due_at, ($17::timestamptz[])[1]),
    own.terms,
    coalesce(new.job_id, ($2::int8[])[1]) = any(bounded.job_ids) or own.terms is not null,
    coalesce(own.terms ->> 'queue', ''),
    coalesce(own.terms ->> 'concurrency_key', ''),
    coalesce((own.terms ->> 'priority')::int4, 0),
    to_timestamp(
        least((own.terms ->> 'start_by')::float8, (own.terms ->> 'chain_until')::float8)
    )
from bounded
cross join unnest(
    $1::text::int8[], $2::int8[], $3::text[], $4::text[], $5::int8[], $6::text[],
    $7::timestamptz[], $8::int4[], $9::int8[], $10::int8[], $11::text[], $12::text[],
    $13::int4[], $14::text[], $15::text[], $16::timestamptz[], $17::timestamptz[], $18::text[]
) as new (
    id, job_id, job, group_name, trigger_id, trigger, slot, attempt, previous_run_id,
    chain_id, arguments, progress, crashes, unique_key, trace_id, created_at, due_at,
    terms
)
cross join lateral (
    select
        case when cardinality($18::text[]) = 1 then ($18::text[])[1] else new.terms end::jsonb
            as terms
) as own
on conflict (job_id, unique_key) where unique_key is not null do nothing
returning id;
