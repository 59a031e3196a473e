-- search_log: lines of a run's log after a number that are of given levels, of a stream, or have a
--     text in them, ascending; one row without a line when there is none.
-- takes run_id int8, after int8, limit int8, levels text[] (NULL: all), stream text (NULL: all),
--     search text (NULL: all)
-- returns last_seq int8 (of the log; NULL: it is empty), seq int8, line text
-- index run_log_pkey
select last.seq as last_seq, found.seq, found.line::text as line
from (
    select max(chunk.last_seq) as seq
    from callboard.run_log as chunk
    where chunk.run_id = $1
) as last
left join (
    select chunk.first_seq + each.place - 1 as seq, each.line
    from callboard.run_log as chunk
    cross join lateral jsonb_array_elements(chunk.lines) with ordinality as each (line, place)
    where chunk.run_id = $1
        and chunk.last_seq > $2
        and chunk.first_seq + each.place - 1 > $2
        and ($4::text[] is null or each.line ->> 2 = any($4))
        and ($5::text is null or each.line ->> 1 = $5)
        and ($6::text is null or strpos(lower(each.line ->> 3), lower($6)) > 0)
    order by 1
    limit $3::int8
) as found on true
order by found.seq;
