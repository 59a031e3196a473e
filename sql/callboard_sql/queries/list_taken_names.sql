-- list_taken_names: which names of triggers are taken.
-- takes group_names text[], names text[]
-- returns group_name text, name text
-- index trigger_name_key
select present.group_name, present.name
from unnest($1::text[], $2::text[]) as wanted (group_name, name)
join callboard.trigger as present
    on present.group_name = wanted.group_name
    and present.name = wanted.name;
