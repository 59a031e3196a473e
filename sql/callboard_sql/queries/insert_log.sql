-- insert_log: store chunks of run logs, but for stored ones and those of runs that others hold.
-- takes run_ids int8[], first_seqs int8[], last_seqs int8[], lines text[], epoch int8 (NULL: any)
-- returns nothing
-- index run_log_pkey, live_run_pkey
insert into callboard.run_log (run_id, first_seq, last_seq, lines)
select chunk.run_id, chunk.first_seq, chunk.last_seq, chunk.lines::jsonb
from unnest($1::int8[], $2::int8[], $3::int8[], $4::text[])
    as chunk (run_id, first_seq, last_seq, lines)
where chunk.first_seq > coalesce(
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
    and (
        $5::int8 is null
        or $5 = (
            select run.epoch
            from callboard.live_run as run
            where run.id = chunk.run_id
            order by run.id
            limit 1
        )
    )
on conflict (run_id, first_seq) do nothing;
