-- list_committing_instances: instances a running step of which somebody else keeps locked: a chunk
--     that is about to commit, for ever if its node froze there.
-- takes instance_ids int8[]
-- returns instance_id int8
-- index batch_step_running_key
-- lock the other running steps until the commit; waits for nobody
with free as materialized (
    select step.id
    from callboard.batch_step as step
    where step.instance_id = any($1::int8[])
        and step.state = 'running'
    order by step.id
    for no key update of step skip locked
)
select distinct step.instance_id
from callboard.batch_step as step
where step.instance_id = any($1::int8[])
    and step.state = 'running'
    and step.id not in (select free.id from free)
order by step.instance_id;
