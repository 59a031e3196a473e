-- delete_expired_nodes: remove the nodes without a lease whose runs are all decided.
-- takes nothing
-- returns epoch int8
-- index live_run_begun_idx (epoch, id) where state <> 'queued'
-- lock the rows; reads all of node
delete from callboard.node
where expired
    and not exists (
        select
        from callboard.live_run as run
        where run.epoch = node.epoch
            and run.state <> 'queued'
    )
returning epoch;
