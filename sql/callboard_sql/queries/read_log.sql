-- read_log: chunks of a run's log that hold the lines after a number, ascending.
-- takes run_id int8, after int8, limit int8 (lines)
-- returns first_seq int8, lines text
-- index run_log_pkey
select first_seq, lines::text as lines
from (
    select
        first_seq,
        lines,
        sum(last_seq - greatest(first_seq - 1, $2)) over (order by first_seq)
            - (last_seq - greatest(first_seq - 1, $2)) as lines_before
    from callboard.run_log
    where run_id = $1
        and last_seq > $2
) as chunk
where lines_before < $3::int8
order by first_seq;
