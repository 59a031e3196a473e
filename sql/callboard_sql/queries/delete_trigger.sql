-- delete_trigger: remove a trigger; its ledger and its runs stay.
-- takes id int8
-- returns id int8; no row: it was not there
-- index trigger_pkey
delete from callboard.trigger
where id = $1
returning id;
