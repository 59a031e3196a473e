-- delete_condition_set: a trigger watches nothing any more.
-- takes trigger_id int8
-- returns nothing
-- index condition_set_pkey
delete from callboard.condition_set
where trigger_id = $1;
