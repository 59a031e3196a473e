-- delete_node: sign a node off.
-- takes epoch int8
-- returns epoch int8; no row: it was not there
-- index node_pkey
delete from callboard.node
where epoch = $1
returning epoch;
