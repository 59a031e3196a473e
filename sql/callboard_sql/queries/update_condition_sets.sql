-- update_condition_sets: write what triggers, which the caller has locked, have seen.
-- takes trigger_ids int8[] (ascending, each once), mets text[]
-- returns nothing
-- index condition_set_pkey
update callboard.condition_set
set met = ($2::text[])[width_bucket(condition_set.trigger_id, $1)]::jsonb
where condition_set.trigger_id = any($1::int8[]);
