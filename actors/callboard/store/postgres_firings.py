"""Live firings of triggers in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence

from callboard.domain.overlap import Firing
from callboard.domain.run import Run
from callboard.store.rows import firing_from_row, run_from_row
from callboard.store.statements import Statements


async def lock_old_runs(
    sql: Statements, names: Sequence[tuple[str, str]], run_ids: Sequence[int]
) -> None:
    groups = [group for group, _ in names]
    await sql.rows("lock_old_runs", groups, [name for _, name in names], run_ids)


async def live_firings(sql: Statements, trigger_ids: Sequence[int]) -> list[Firing]:
    if not trigger_ids:
        return []
    return [firing_from_row(row) for row in await sql.rows("list_firings", trigger_ids)]


async def lock_held_runs(sql: Statements, ids: Sequence[int]) -> list[Run]:
    return [run_from_row(row) for row in await sql.rows("lock_held_runs", ids)]


async def stalled_triggers(sql: Statements, limit: int) -> list[int]:
    return [row[0] for row in await sql.rows("list_stalled_triggers", limit)]
