"""What a database holds that should be gone when all nodes have closed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import asyncpg

GONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "live runs": "select count(*) from callboard.live_run",
        "nodes": "select count(*) from callboard.node",
        "shards with an owner": (
            "select count(*) from callboard.scheduler_shard where epoch is not null"
        ),
        "leases of shards": (
            "select count(*) from callboard.scheduler_lease where firing_until > clock_timestamp()"
        ),
        "backfilled slots whose end nobody noticed": (
            "select count(*) from callboard.backfilled_slot where ended_at is null"
        ),
        "connections": (
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and application_name = 'callboard'"
        ),
        "runs in both tables": (
            "select count(*) from callboard.live_run join callboard.ended_run using (id)"
        ),
    }
)


async def leftovers(dsn: str) -> list[str]:
    """What is left, in words; empty when nothing is."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        counts = {what: await connection.fetchval(query) for what, query in GONE.items()}
    finally:
        await connection.close()
    return [f"{count} {what} are left" for what, count in counts.items() if count]
