-- list_workflows: workflows by group and name, ascending.
-- takes group_name text (NULL: all), labels text (an object that the workflow's labels contain),
--     after_group text, after_name text (of the page before; empty: from the start), limit int8
-- returns id int8, group_name text, name text, definition text, version int8, created_at
--     timestamptz, updated_at timestamptz
-- index workflow_name_key: both bounds of the group are conditions on it
select
    id, group_name, name, definition::text as definition, version, created_at, updated_at
from callboard.workflow
where (group_name, name) > ($3, $4)
    and group_name >= coalesce($1::text, '')
    and group_name <= coalesce($1::text, chr(1114111))
    and definition -> 'labels' @> $2::text::jsonb
order by group_name, name
limit $5::int8;
