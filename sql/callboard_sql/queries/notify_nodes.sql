-- notify_nodes: hint listeners, after the commit, that there is something new.
-- takes origin text, topics text[]
-- returns nothing
-- lock the commit takes a lock that is common to all databases of the server
select
from unnest($2::text[]) as topic (name)
cross join lateral pg_notify('callboard', $1::text || ':' || topic.name);
