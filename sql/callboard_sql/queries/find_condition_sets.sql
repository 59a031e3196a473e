-- find_condition_sets: what conditional triggers, which the caller has locked, have seen.
-- takes trigger_ids int8[]
-- returns trigger_id int8, generation int8, since_seq int8, job_ids int8[], met text
-- index condition_set_pkey
select trigger_id, generation, since_seq, job_ids, met::text as met
from callboard.condition_set
where trigger_id = any($1::int8[]);
