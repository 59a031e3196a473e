-- count_triggers: how many triggers there are, by state and end of a timed pause.
-- takes group_name text (NULL: all), state text (NULL: all)
-- returns state text, resume_at timestamptz, count int8
-- index trigger_name_key: both bounds of the group are conditions on it
select state, resume_at, count(*) as count
from callboard.trigger
where group_name >= coalesce($1::text, '')
    and group_name <= coalesce($1::text, chr(1114111))
    and ($2::text is null or state = $2)
group by state, resume_at;
