-- has_start_requests: whether there are starts that callers have committed.
-- takes nothing
-- returns found bool
-- index start_request_pkey: the table is empty most of the time, but its pages may not be
select min(request.run_id) is not null as found
from callboard.start_request as request;
