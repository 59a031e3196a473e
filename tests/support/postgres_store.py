"""PostgreSQL stores for tests of what only that backend has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from callboard.clock import Clock
from callboard.store.contract import Store
from callboard.store.dsn import open_store
from callboard.testing import VirtualClock

SHORT_S: Final = 2.0
"""A deadline for tests in which it is to pass."""


@asynccontextmanager
async def opened(dsn: str, *, clock: Clock | None = None, **options: Any) -> AsyncIterator[Store]:
    """A store on the database of `dsn`, migrated, for the length of the block."""
    store = open_store(dsn, clock=clock or VirtualClock(), **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A plain connection beside the store's, for the length of the block."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def backend_pids(dsn: str) -> list[int]:
    """Server processes of the store's connections to the database of `dsn`."""
    async with connected(dsn) as connection:
        rows = await connection.fetch(
            "select pid from pg_stat_activity"
            " where datname = current_database() and application_name = 'callboard'"
        )
    return [row["pid"] for row in rows]


async def kill_backends(dsn: str) -> int:
    """End the store's connections, as an administrator would; how many there were."""
    pids = await backend_pids(dsn)
    async with connected(dsn) as connection:
        for pid in pids:
            # Returns once the backend is gone.
            await connection.execute(f"select pg_terminate_backend({pid}, 5000)")
    return len(pids)


async def seen(condition: Callable[[], Awaitable[Any]], *, within_s: float = 20.0) -> None:
    """Return once the condition, asked again and again, holds; fails when it does not in time."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - another process decides when
            await asyncio.sleep(0.01)


async def someone_waits(dsn: str, *, waiters: int = 1) -> bool:
    """Whether so many statements in the database of `dsn` wait for locks."""
    async with connected(dsn) as connection:
        waiting: int = await connection.fetchval(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        )
    return waiting >= waiters
