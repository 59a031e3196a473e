-- has_due_runs: whether a queued run's due_at has come.
-- takes now timestamptz (NULL: the database's clock)
-- returns is_due bool
-- index live_run_free_idx, live_run_limited_due_idx
select
    coalesce(
        least(
            (
                select min(run.due_at)
                from callboard.live_run as run
                where run.state = 'queued'
                    and not run.limited
            ),
            (
                select min(run.due_at)
                from callboard.live_run as run
                where run.state = 'queued'
                    and run.limited
                    and run.id > 0
            )
        ) <= coalesce($1::timestamptz, now()),
        false
    ) as is_due;
