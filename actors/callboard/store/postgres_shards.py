"""The scheduler's shards in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from callboard.domain.shards import Division, Scheduling
from callboard.store.statements import Statements


async def renew_firing(
    sql: Statements, epoch: int, lease: timedelta, scheduling: Scheduling, now: datetime | None
) -> datetime | None:
    until: datetime | None = await sql.value(
        "renew_scheduler_lease", epoch, lease, scheduling.value, now
    )
    return until


async def end_firing(sql: Statements, epoch: int) -> set[int]:
    return {row[0] for row in await sql.rows("end_scheduler_lease", epoch)}


async def read_division(sql: Statements, now: datetime | None) -> Division:
    rows = await sql.rows("list_scheduler_shares", now)
    return Division(
        live={row["epoch"]: Scheduling(row["scheduling"]) for row in rows},
        owners={shard: row["epoch"] for row in rows for shard in row["shards"]},
    )


async def take_shards(
    sql: Statements, epoch: int, ids: Collection[int], now: datetime | None
) -> dict[int, int | None]:
    rows = await sql.rows("take_shards", epoch, sorted(ids), now) if ids else []
    return {row["id"]: row["owner"] for row in rows}


async def release_shards(sql: Statements, epoch: int, ids: Collection[int]) -> set[int]:
    rows = await sql.rows("release_shards", epoch, sorted(ids)) if ids else []
    return {row[0] for row in rows}


async def hold_shards(
    sql: Statements, epoch: int, ids: Collection[int], now: datetime | None
) -> set[int]:
    rows = await sql.rows("hold_shards", epoch, sorted(ids), now) if ids else []
    return {row[0] for row in rows}
