-- list_webhooks: webhooks by group and name, ascending.
-- takes group_name text (NULL: all), after_group text, after_name text (of the page before; empty:
--     from the start), limit int8
-- returns id int8, group_name text, name text, definition text, version int8, created_at
--     timestamptz, updated_at timestamptz
-- index webhook_name_key: both bounds of the group are conditions on it
select
    id, group_name, name, definition::text as definition, version, created_at, updated_at
from callboard.webhook
where (group_name, name) > ($2, $3)
    and group_name >= coalesce($1::text, '')
    and group_name <= coalesce($1::text, chr(1114111))
order by group_name, name
limit $4::int8;
