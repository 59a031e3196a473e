-- begin_condition_sets: let triggers watch jobs, from the newest event on, with nothing met.
-- takes trigger_ids int8[], generations int8[], job_ids text[] (literals of int8[])
-- returns nothing
-- index condition_set_pkey
insert into callboard.condition_set (trigger_id, generation, since_seq, job_ids, met)
select
    new.trigger_id, new.generation,
    coalesce(
        (
            select batch.last_seq
            from callboard.event_batch as batch
            order by batch.first_seq desc
            limit 1
        ),
        (select head.seq from callboard.stream_head as head)
    ),
    new.job_ids::int8[], '{}'
from unnest($1::int8[], $2::int8[], $3::text[]) as new (trigger_id, generation, job_ids)
on conflict (trigger_id) do update
set
    generation = excluded.generation,
    since_seq = excluded.since_seq,
    job_ids = excluded.job_ids,
    met = excluded.met;
