-- lock_old_runs: lock the live runs of triggers that stop old runs, and further live runs.
-- takes group_names text[], names text[] (pairs), run_ids int8[]
-- returns id int8
-- index trigger_name_key, live_run_firing_idx, live_run_pkey. The limit keeps the planner from
--     starting with the triggers, which it may think few
-- lock the runs, in the order of ids
select run.id
from callboard.live_run as run
where run.id = any(
        array(
            select old.id
            from callboard.live_run as old
            where old.trigger_id = any(
                    array(
                        select stopping.id
                        from unnest($1::text[], $2::text[]) as named (group_name, name)
                        cross join lateral (
                            select trigger.id
                            from callboard.trigger
                            where trigger.group_name = named.group_name
                                and trigger.name = named.name
                                and trigger.overlap ->> 'policy' in ('cancel_old', 'kill_old')
                            limit 1
                        ) as stopping
                    )
                )
        ) || $3::int8[]
    )
order by run.id
for update of run;
