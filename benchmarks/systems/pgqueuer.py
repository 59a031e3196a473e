"""PgQueuer: asyncpg's pool, batches of 500 (faster than its default of 10), tables logged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
from pgqueuer import (  # type: ignore[import-not-found,unused-ignore]
    AsyncpgPoolDriver,
    PgQueuer,
    Queries,
)

from benchmarks.probe import PROBE
from benchmarks.systems.contract import (
    Client,
    CodedTriggers,
    Env,
    NotOffered,
    System,
    Worker,
)

POOL = 20
BATCH = 500


class _Client:
    def __init__(self, queries: Any) -> None:
        self._queries = queries

    async def start(self, *, due: float = 0.0, is_timer: bool = False) -> None:
        payload = json.dumps({"due": due}).encode() if due else None
        after = None
        if is_timer:
            # It takes a duration, counted by the server from its own present.
            after = datetime.fromtimestamp(due, UTC) - datetime.now(UTC)
        await self._queries.enqueue("hit", payload, 0, after)

    async def start_many(self, count: int, *, due: float = 0.0) -> None:
        after = [datetime.fromtimestamp(due, UTC) - datetime.now(UTC)] * count if due else None
        await self._queries.enqueue(["hit"] * count, [None] * count, [0] * count, after)

    async def waiting(self) -> int:
        return sum(row.count for row in await self._queries.queue_size())

    def registering(self) -> AbstractContextManager[object]:
        return nullcontext()

    async def schedule(self, number: int, due: float) -> None:
        raise NotOffered("recurring triggers are declared in code")


class _Worker:
    def __init__(self, queries: Any, pool: Any | None) -> None:
        self._pool = pool
        self._client = _Client(queries)

    @property
    def client(self) -> Client:
        return self._client

    async def unfinished(self) -> int:
        return await self._client.waiting()

    async def succeeded(self, at_most: int) -> int | None:
        if self._pool is None:
            return None
        query = "select count(distinct job_id) from pgqueuer_log where status = 'successful'"
        return int(await self._pool.fetchval(query))


class _PgQueuer:
    name = "pgqueuer"
    keeps = "durable, log table"
    has_coded_triggers = True

    async def prepare(self, env: Env) -> None:
        async with _pool(env) as pool:
            await Queries(AsyncpgPoolDriver(pool)).install()

    @asynccontextmanager
    async def client(self, env: Env) -> AsyncIterator[Client]:
        async with _pool(env) as pool:
            yield _Client(Queries(AsyncpgPoolDriver(pool)))

    @asynccontextmanager
    async def worker(
        self, env: Env, triggers: CodedTriggers | None = None
    ) -> AsyncIterator[Worker]:
        async with _pool(env) as pool:
            queuer = PgQueuer.from_asyncpg_pool(pool)
            if triggers is not None:
                _declare(queuer, triggers)
            async with _running(queuer, with_scheduler=triggers is not None):
                yield _Worker(queuer.queries, pool)

    @asynccontextmanager
    async def memory_worker(self, env: Env) -> AsyncIterator[Worker]:
        queuer = PgQueuer.in_memory()
        async with _running(queuer, with_scheduler=False):
            yield _Worker(queuer.queries, None)


@asynccontextmanager
async def _pool(env: Env) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(env.dsn, min_size=POOL, max_size=POOL) as pool:
        yield pool


async def _hit(job: Any) -> None:
    PROBE.hit(json.loads(job.payload)["due"] if job.payload else 0.0)


@asynccontextmanager
async def _running(queuer: PgQueuer, *, with_scheduler: bool) -> AsyncIterator[None]:
    queuer.entrypoint("hit")(_hit)
    work = queuer.run(batch_size=BATCH) if with_scheduler else queuer.qm.run(batch_size=BATCH)
    running = asyncio.create_task(work)
    try:
        yield
    finally:
        queuer.shutdown.set()
        with suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(running, 5.0)


def _declare(queuer: PgQueuer, triggers: CodedTriggers) -> None:
    instant = datetime.fromtimestamp(triggers.due, UTC)
    # Croniter has the seconds last.
    cron = f"{instant.minute} {instant.hour} * * * {instant.second}"

    async def scheduled(schedule: Any) -> None:
        PROBE.hit(triggers.due)

    for number in range(triggers.count):
        queuer.schedule(f"trigger-{number}", cron)(scheduled)


SYSTEM: System = _PgQueuer()
