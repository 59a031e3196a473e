-- next_overdue: how long it is until the first queued run may not wait any longer.
-- takes now timestamptz (NULL: the database's clock)
-- returns in_s float8 (negative: it is overdue; NULL: no run waits that has a time to be over)
-- index live_run_overdue_idx
select
    extract(epoch from min(run.wait_until) - coalesce($1::timestamptz, now()))::float8 as in_s
from callboard.live_run as run
where run.state = 'queued'
    and run.wait_until is not null;
