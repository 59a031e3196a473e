"""Events, hints and run logs in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from callboard.domain.run import Run
from callboard.events import EventBatch, EventRecord
from callboard.store.columns import int_array
from callboard.store.contract import LogChunk, LogFilter, LogLine, LogPage
from callboard.store.postgres_json import to_json
from callboard.store.rows import batch_from_row, line_from_json, lines_from_row, micros
from callboard.store.statements import Statements


async def append_events(
    sql: Statements, records: Sequence[EventRecord], queued: Sequence[Run], now: datetime | None
) -> int:
    if not records and not queued:
        return (await event_range(sql))[1] + 1
    text = to_json([(record.type, record.run_id, record.patch) for record in records])
    ids = int_array([run.id for run in queued])
    count = len(queued) + len(records)
    return int(await sql.value("insert_events", count, text, now, ids))


async def notify(sql: Statements, origin: str, topics: Sequence[str]) -> None:
    """One hint a topic, however often it is named; `origin` lets the sender ignore its own."""
    if topics:
        await sql.rows("notify_nodes", origin, sorted(set(topics)))


async def read_events(sql: Statements, after: int, limit: int) -> list[EventBatch]:
    return [batch_from_row(row) for row in await sql.rows("read_events", after, limit)]


async def event_range(sql: Statements) -> tuple[int, int]:
    [row] = await sql.rows("get_event_range")
    return row["oldest"], row["newest"]


async def last_log_seqs(sql: Statements, ids: Sequence[int]) -> dict[int, int]:
    rows = await sql.rows("list_last_log_seqs", list(ids)) if ids else []
    return {row["run_id"]: row["last_seq"] for row in rows}


async def append_log(sql: Statements, chunks: Sequence[LogChunk], epoch: int | None) -> None:
    if not chunks:
        return
    await sql.rows("insert_log", *log_columns(chunks), epoch)


def log_columns(chunks: Sequence[LogChunk]) -> tuple[list[object], ...]:
    """Chunks as columns: run ids, first and last numbers, lines as JSON text."""
    return (
        [chunk.run_id for chunk in chunks],
        [chunk.lines[0].seq for chunk in chunks],
        [chunk.lines[-1].seq for chunk in chunks],
        [to_json([_line(line) for line in chunk.lines]) for chunk in chunks],
    )


def _line(line: LogLine) -> tuple[object, ...]:
    if line.fields is None:
        return micros(line.at), line.stream, line.level, line.text
    return micros(line.at), line.stream, line.level, line.text, line.fields


async def read_log(sql: Statements, run_id: int, after: int, limit: int) -> list[LogLine]:
    rows = await sql.rows("read_log", run_id, after, limit)
    lines = [line for row in rows for line in lines_from_row(row) if line.seq > after]
    return lines[:limit]


async def search_log(
    sql: Statements, run_id: int, filter: LogFilter, after: int, limit: int
) -> LogPage:
    levels = None if filter.levels is None else list(filter.levels)
    wanted = run_id, after, limit, levels, filter.stream, filter.search
    rows = await sql.rows("search_log", *wanted)
    last = rows[0]["last_seq"] or 0
    lines = tuple(line_from_json(row["seq"], row["line"]) for row in rows if row["seq"] is not None)
    if len(lines) < limit:
        return LogPage(lines=lines, after=max(after, last), has_more=False)
    return LogPage(lines=lines, after=lines[-1].seq, has_more=lines[-1].seq < last)
