-- list_last_log_seqs: number of the last stored log line of each run that has a log.
-- takes run_ids int8[]
-- returns run_id int8, last_seq int8
-- index run_log_pkey
select wanted.run_id, last.last_seq
from unnest($1::int8[]) as wanted (run_id)
cross join lateral (
    select chunk.last_seq
    from callboard.run_log as chunk
    where chunk.run_id = wanted.run_id
    order by chunk.first_seq desc
    limit 1
) as last;
