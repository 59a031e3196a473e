-- next_due_at: the earliest due_at of a queued run that is still to come; held runs have none.
-- takes now timestamptz (NULL: the database's clock)
-- returns due_at timestamptz (NULL: there is none), is_limited bool (limited runs are due already)
-- index live_run_free_idx, live_run_limited_due_idx
select
    least(
        (
            select min(run.due_at)
            from callboard.live_run as run
            where run.state = 'queued'
                and not run.limited
                and run.due_at > coalesce($1::timestamptz, now())
                and run.due_at < 'infinity'
        ),
        (
            select min(run.due_at)
            from callboard.live_run as run
            where run.state = 'queued'
                and run.limited
                and run.id > 0
                and run.due_at > coalesce($1::timestamptz, now())
                and run.due_at < 'infinity'
        )
    ) as due_at,
    exists (
        select
        from callboard.live_run as run
        where run.state = 'queued'
            and run.limited
            and run.id > 0
            and run.due_at <= coalesce($1::timestamptz, now())
    ) as is_limited;
