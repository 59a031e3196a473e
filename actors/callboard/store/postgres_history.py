"""Reads of runs in PostgreSQL, live and ended: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.store.contract import RunFilter, Snapshot
from callboard.store.postgres_rates import next_opening
from callboard.store.rows import run_from_row
from callboard.store.statements import Statements


async def get_runs(sql: Statements, ids: Sequence[int]) -> dict[int, Run]:
    return {row[0]: run_from_row(row) for row in await sql.rows("get_runs", ids)}


async def list_runs(sql: Statements, wanted: RunFilter) -> list[Run]:
    """By the statement whose index has the least to read through."""
    rows = await sql.rows(
        _listing(wanted),
        [state.value for state in wanted.states] or None,
        wanted.created_from,
        wanted.created_until,
        wanted.before_id,
        wanted.limit,
        wanted.group,
        wanted.job,
        wanted.trigger,
        wanted.chain_id,
    )
    return [run_from_row(row) for row in rows]


def _listing(wanted: RunFilter) -> str:
    if wanted.chain_id is not None:
        return "list_runs_of_chain"
    if wanted.trigger is not None:
        return "list_runs_of_trigger"
    if wanted.job is not None:
        return "list_runs_of_job"
    return "list_runs" if wanted.group is None else "list_runs_of_group"


async def count_live_runs(sql: Statements) -> dict[RunState, int]:
    return {RunState(row[0]): row[1] for row in await sql.rows("count_live_runs")}


async def next_due_at(sql: Statements, now: datetime | None) -> datetime | None:
    [(due_at, is_limited)] = await sql.rows("next_due_at", now)
    opens_at = await next_opening(sql, now) if is_limited else None
    instants = [each for each in (due_at, opens_at) if each is not None]
    return min(instants, default=None)


async def next_overdue_s(sql: Statements, now: datetime | None) -> float | None:
    in_s: float | None = await sql.value("next_overdue", now)
    return in_s


async def has_due_runs(sql: Statements, now: datetime | None) -> bool:
    return bool(await sql.value("has_due_runs", now))


async def read_snapshot(sql: Statements, limit: int) -> Snapshot:
    rows = await sql.rows("read_snapshot", limit)
    runs = tuple(run_from_row(row) for row in rows if row[0] is not None)
    return Snapshot(seq=rows[0]["seq"], runs=runs)
