-- get_batch_origin: what names this database among others.
-- takes nothing
-- returns id text
-- lock none
select id::text as id
from callboard.batch_origin;
