"""Pruning in PostgreSQL: one bounded statement a table, each a transaction of its own."""

from __future__ import annotations

from datetime import datetime

from callboard.store.contract import Cutoffs
from callboard.store.statements import Statements


async def prune(sql: Statements, cutoffs: Cutoffs) -> dict[str, int]:
    """Rows removed: by table; of events whole batches."""
    limit = cutoffs.limit
    runs, logs = await _prune_runs(sql, cutoffs.ended_runs, limit)
    return {
        "runs": runs,
        "logs": logs,
        "ledger": await _prune(sql, "prune_ledger", cutoffs.ledger, limit),
        # Slots first: a backfill goes when it has none any more.
        "backfilled_slots": await _prune(sql, "prune_backfilled_slots", cutoffs.ledger, limit),
        "backfills": await _prune(sql, "prune_backfills", cutoffs.ledger, limit),
        "events": await _prune(sql, "prune_events", cutoffs.events, limit),
        "idempotency": await _prune(sql, "prune_idempotency", cutoffs.idempotency, limit),
    }


async def _prune_runs(sql: Statements, before: datetime | None, limit: int) -> tuple[int, int]:
    if before is None:
        return 0, 0
    [row] = await sql.rows("prune_ended_runs", before, limit)
    return row["runs"], row["logs"]


async def _prune(sql: Statements, statement: str, before: datetime | None, limit: int) -> int:
    return 0 if before is None else int(await sql.value(statement, before, limit))
