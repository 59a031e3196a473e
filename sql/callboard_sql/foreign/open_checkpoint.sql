-- open_checkpoint: what an execution of a step goes on from; no earlier one can commit any more.
-- takes origin text, first_id int8, fence int8, instance_id int8, name text, visit int4, now
--     timestamptz (NULL: the database's clock), reads int8, writes int8, filters int8, commits int8,
--     rollbacks int8, read_skips int8, process_skips int8, write_skips int8, retries int8 (all of
--     them what the board has missed of the execution before)
-- returns reads int8, writes int8, filters int8, commits int8, rollbacks int8, read_skips int8,
--     process_skips int8, write_skips int8, retries int8 (all of them of this execution, which has
--     done nothing yet but what the board has missed), cursor_value text, context text; no row: a
--     later execution has it
-- index callboard_checkpoint_pkey
-- lock the row: a chunk that is about to commit ends first
insert into application.callboard_checkpoint as kept (
    origin, first_id, fence, instance_id, name, visit, committed_at,
    reads, writes, filters, commits, rollbacks, read_skips, process_skips, write_skips, retries,
    context
)
values (
    $1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, now()),
    0, 0, 0, 0, 0, 0, 0, 0, 0,
    '{}'
)
on conflict (origin, first_id) do update
set
    fence = excluded.fence,
    name = excluded.name,
    reads = case when kept.fence = excluded.fence then kept.reads else $8 end,
    writes = case when kept.fence = excluded.fence then kept.writes else $9 end,
    filters = case when kept.fence = excluded.fence then kept.filters else $10 end,
    commits = case when kept.fence = excluded.fence then kept.commits else $11 end,
    rollbacks = case when kept.fence = excluded.fence then kept.rollbacks else $12 end,
    read_skips = case when kept.fence = excluded.fence then kept.read_skips else $13 end,
    process_skips = case when kept.fence = excluded.fence then kept.process_skips else $14 end,
    write_skips = case when kept.fence = excluded.fence then kept.write_skips else $15 end,
    retries = case when kept.fence = excluded.fence then kept.retries else $16 end
where kept.fence <= excluded.fence
returning
    reads, writes, filters, commits, rollbacks, read_skips, process_skips, write_skips, retries,
    cursor_value::text as cursor_value, context::text as context;
