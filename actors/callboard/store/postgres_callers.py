"""What callers leave in transactions of their own: starts, and completions."""

from __future__ import annotations

from collections.abc import Sequence

from callboard.domain.json import Json
from callboard.domain.start_request import StartRequest
from callboard.store.postgres_json import from_json
from callboard.store.rows import instant
from callboard.store.statements import Statements


async def take_start_requests(sql: Statements, limit: int) -> list[StartRequest]:
    rows = await sql.rows("take_start_requests", limit)
    taken = [
        StartRequest(
            run_id=row["run_id"],
            job_id=row["job_id"],
            job=row["job"],
            group=row["group_name"],
            arguments=from_json(row["arguments"]),
            due_at=row["due_at"] and instant(row["due_at"]),
            unique_key=row["unique_key"],
            priority=row["priority"],
            trace_id=row["trace_id"],
            created_at=row["created_at"],
        )
        for row in rows
    ]
    return sorted(taken, key=lambda request: request.run_id)


async def has_start_requests(sql: Statements) -> bool:
    return bool(await sql.value("has_start_requests"))


async def completed_results(sql: Statements, ids: Sequence[int]) -> dict[int, Json]:
    rows = await sql.rows("lock_completed_runs", sorted(ids)) if ids else []
    done = [(row["id"], row["completed"]) for row in rows if row["completed"] is not None]
    return {run_id: from_json(completed)["result"] for run_id, completed in done}
