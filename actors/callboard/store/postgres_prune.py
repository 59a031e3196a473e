"""Pruning in PostgreSQL: one bounded statement a table, each a transaction of its own."""

from __future__ import annotations

from datetime import datetime

from callboard.store import postgres_partitions
from callboard.store.contract import Cutoffs
from callboard.store.statements import Statements


async def prune(sql: Statements, cutoffs: Cutoffs) -> dict[str, int]:
    """Rows removed: by table; of events whole batches, of runs also whole partitions."""
    limit = cutoffs.limit
    partitions, runs, logs = await _prune_runs(sql, cutoffs.ended_runs, limit)
    surplus, logs_of_surplus = await _prune_surplus(sql, cutoffs.runs_per_job, limit)
    return {
        "run_partitions": partitions,
        "runs": runs + surplus,
        "logs": logs + logs_of_surplus,
        "ledger": await _prune(sql, "prune_ledger", cutoffs.ledger, limit),
        # Slots first: a backfill goes when it has none any more.
        "backfilled_slots": await _prune(sql, "prune_backfilled_slots", cutoffs.ledger, limit),
        "backfills": await _prune(sql, "prune_backfills", cutoffs.ledger, limit),
        "events": await _prune_events(sql, cutoffs),
        "deliveries": await _prune(sql, "prune_deliveries", cutoffs.ended_runs, limit),
        "workflow_runs": await _prune(sql, "prune_workflow_runs", cutoffs.ended_runs, limit),
        # What hangs on others first; an instance is looked at until it has nothing any more.
        "batch_skips": await _prune(sql, "prune_batch_skips", cutoffs.ended_runs, limit),
        "batch_steps": await _prune(sql, "prune_batch_steps", cutoffs.ended_runs, limit),
        "batch_moves": await _prune(sql, "prune_batch_moves", cutoffs.ended_runs, limit),
        "idempotency": await _prune(sql, "prune_idempotency", cutoffs.idempotency, limit),
    }


async def _prune_runs(sql: Statements, before: datetime | None, limit: int) -> tuple[int, int, int]:
    if before is None:
        return 0, 0, 0
    dropped, logs, open_from = await postgres_partitions.drop_old(sql, before, limit)
    [row] = await sql.rows("prune_ended_runs", before, limit, open_from)
    return dropped, row["runs"], logs + row["logs"]


async def _prune_surplus(sql: Statements, keep: int | None, limit: int) -> tuple[int, int]:
    if keep is None:
        return 0, 0
    [row] = await sql.rows("prune_runs_of_jobs", keep, limit)
    return row["runs"], row["logs"]


async def _prune_events(sql: Statements, cutoffs: Cutoffs) -> int:
    if cutoffs.events is None:
        return 0
    unread = cutoffs.unread_events or cutoffs.events
    return int(await sql.value("prune_events", cutoffs.events, cutoffs.limit, unread))


async def _prune(sql: Statements, statement: str, before: datetime | None, limit: int) -> int:
    return 0 if before is None else int(await sql.value(statement, before, limit))
