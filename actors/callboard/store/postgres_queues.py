"""Queues in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from callboard.domain.limits import RateLimit
from callboard.domain.queue import MOST_COUNTED, Queue, QueueCounts
from callboard.store.contract import QueueFilter, WaitingKey
from callboard.store.statements import Row, Statements

MOST_NAMES: Final = 10
"""Jobs that are named when a queue cannot be deleted."""


async def insert_queue(sql: Statements, queue: Queue, now: datetime | None) -> Queue | None:
    row = await sql.row("insert_queue", queue.group, queue.name, *_definition(queue), now)
    if row is None:
        return None
    created_at = row["created_at"]
    return replace(queue, id=row["id"], version=1, created_at=created_at, updated_at=created_at)


async def update_queue(sql: Statements, queue: Queue, now: datetime | None) -> Queue | None:
    row = await sql.row("update_queue", queue.id, queue.version, *_definition(queue), now)
    if row is None:
        return None
    return replace(
        queue,
        group=row["group_name"],
        name=row["name"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def delete_queue(sql: Statements, queue_id: int) -> bool:
    return await sql.value("delete_queue", queue_id) is not None


async def lock_queue(sql: Statements, group: str, name: str) -> Queue | None:
    return _queue(await sql.row("lock_queue", group, name))


async def jobs_of_queue(sql: Statements, group: str, queue: str) -> list[str]:
    return [row[0] for row in await sql.rows("list_queue_users", group, queue, MOST_NAMES)]


async def get_queue(sql: Statements, group: str, name: str) -> Queue | None:
    return _queue(await sql.row("get_queue", group, name))


async def list_queues(sql: Statements, wanted: QueueFilter) -> list[Queue]:
    rows = await sql.rows("list_queues", wanted.group, *(wanted.after or ("", "")), wanted.limit)
    return [queue for row in rows if (queue := _queue(row)) is not None]


async def count_queue(sql: Statements, group: str, name: str) -> QueueCounts:
    [(queued, running)] = await sql.rows("count_queue", group, name, MOST_COUNTED)
    return QueueCounts(queued=queued, running=running)


async def count_waiting(sql: Statements, keys: Sequence[WaitingKey]) -> list[int]:
    if not keys:
        return []
    rows = await sql.rows(
        "count_waiting",
        [each.job_id for each in keys],
        [each.queue or "" for each in keys],
        [each.key for each in keys],
        [each.most for each in keys],
    )
    return [row[0] for row in rows]


def _queue(row: Row | None) -> Queue | None:
    if row is None:
        return None
    runs, per_s = row["rate_runs"], row["rate_per_s"]
    return Queue(
        name=row["name"],
        group=row["group_name"],
        description=row["description"],
        capacity=row["capacity"],
        rate_limit=None if runs is None else RateLimit(runs=runs, per_s=per_s),
        paused=row["paused"],
        id=row["id"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _definition(queue: Queue) -> tuple[object, ...]:
    rate = queue.rate_limit
    return (
        queue.description,
        queue.capacity,
        None if rate is None else rate.runs,
        None if rate is None else rate.per_s,
        queue.paused,
    )
