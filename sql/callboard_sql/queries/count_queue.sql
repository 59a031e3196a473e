-- count_queue: how many runs of a queue wait, and are on nodes.
-- takes group_name text, queue text, most int8 (that are counted of those that wait)
-- returns queued int8, running int8
-- index live_run_queue_idx, live_run_queue_slot_idx
select
    (
        select count(*)
        from (
            select
            from callboard.live_run as waiting
            where waiting.state = 'queued'
                and waiting.limited
                and waiting.queue > ''
                and waiting.group_name = $1
                and waiting.queue = $2
            limit $3::int8
        ) as counted
    ) as queued,
    (
        select count(*)
        from callboard.live_run as held
        where held.state in ('running', 'stopping')
            and held.limited
            and held.queue > ''
            and held.group_name = $1
            and held.queue = $2
    ) as running;
