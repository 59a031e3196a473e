"""The partitions of the history in PostgreSQL: made ahead, dropped as a whole."""

from __future__ import annotations

from datetime import datetime

from callboard.domain.partition import Pace, Partition, ids_ahead
from callboard.store.statements import Statements

MOST_AT_ONCE = 16
"""Parts that are made in one go: more would mean that the pace is nonsense."""


async def list_partitions(sql: Statements) -> list[Partition]:
    """By id; the part without a range, which takes what no other does, is not among them."""
    return [
        Partition(name=row["name"], from_id=row["from_id"] or 0, until_id=row["until_id"])
        for row in await sql.rows("list_run_partitions")
    ]


async def make_room(sql: Statements, keep_s: float | None) -> int:
    """Make the parts that are wanted next; how many were made here."""
    [row] = await sql.rows("get_run_pace")
    seconds, ids = row["seconds"], row["ids"]
    pace = Pace(last_id=row["last_id"], ids_per_s=ids / seconds if seconds and ids else 0.0)
    parts = await list_partitions(sql)
    made_until = max([1, (row["rest_id"] or 0) + 1, *(part.until_id for part in parts)])
    made = 0
    for _ in range(MOST_AT_ONCE):
        wanted = ids_ahead(pace, made_until, keep_s)
        if wanted is None:
            break
        made += bool(await sql.value("add_run_partition", *wanted))
        made_until = wanted[1]
    return made


async def drop_old(sql: Statements, before: datetime, limit: int) -> tuple[int, int, int]:
    """Drop the parts that are full and all of whose runs ended before; (parts, logs, open_from).

    Logs go first, at most `limit` of them. `open_from` is the first id of the part that is being
    filled, where runs are removed one by one.
    """
    [row] = await sql.rows("get_run_pace")
    parts = await list_partitions(sql)
    full = [part for part in parts if part.until_id <= row["last_id"]]
    open_from = full[-1].until_id if full else 0
    dropped = logs = 0
    for part in full:
        if not await sql.value("is_run_partition_over", part.name, before):
            continue
        logs += int(await sql.value("prune_run_logs", part.from_id, part.until_id, limit - logs))
        if logs >= limit:
            break
        dropped += bool(await sql.value("drop_run_partition", part.name))
    return dropped, logs, open_from
