"""APScheduler 3: the asyncio scheduler on a SQLAlchemy store, coroutines on the loop.

Its calls are synchronous and serial behind one lock, so submitters take turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

from apscheduler.events import (  # type: ignore[import-not-found,unused-ignore]
    EVENT_JOB_EXECUTED,
)
from apscheduler.jobstores.memory import (  # type: ignore[import-not-found,unused-ignore]
    MemoryJobStore,
)
from apscheduler.jobstores.sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
    SQLAlchemyJobStore,
)
from apscheduler.schedulers.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncIOScheduler,
)

from benchmarks.probe import PROBE, hit
from benchmarks.systems.contract import (
    Client,
    CodedTriggers,
    Env,
    NotOffered,
    System,
    Worker,
)

HIT = "benchmarks.probe:hit"


class _Client:
    def __init__(self, scheduler: AsyncIOScheduler) -> None:
        self._scheduler = scheduler

    async def start(self, *, due: float = 0.0, is_timer: bool = False) -> None:
        instant = datetime.fromtimestamp(due, UTC) if is_timer else datetime.now(UTC)
        self._scheduler.add_job(HIT, "date", run_date=instant, args=[due])
        await asyncio.sleep(0)

    async def start_many(self, count: int, *, due: float = 0.0) -> None:
        raise NotOffered("there is no bulk call")

    async def waiting(self) -> int:
        return len(self._scheduler.get_jobs())

    @contextmanager
    def registering(self) -> Iterator[None]:
        # Awake, it would look for the next due job after every addition.
        self._scheduler.pause()
        yield
        self._scheduler.resume()

    async def schedule(self, number: int, due: float) -> None:
        instant = datetime.fromtimestamp(due, UTC)
        self._scheduler.add_job(HIT, "interval", days=1, start_date=instant, args=[due])
        await asyncio.sleep(0)


class _MemoryClient(_Client):
    async def start_many(self, count: int, *, due: float = 0.0) -> None:
        now = datetime.now(UTC)
        self._scheduler.pause()
        for _ in range(count):
            self._scheduler.add_job(hit, "date", run_date=now)
        self._scheduler.resume()
        await asyncio.sleep(0)


class _Worker:
    def __init__(self, scheduler: AsyncIOScheduler, client: _Client) -> None:
        self._client = client
        self._executed = 0
        scheduler.add_listener(self._count, EVENT_JOB_EXECUTED)

    def _count(self, event: object) -> None:
        self._executed += 1

    @property
    def client(self) -> Client:
        return self._client

    async def unfinished(self) -> int:
        return PROBE.count - self._executed + await self._client.waiting()

    async def succeeded(self, at_most: int) -> int | None:
        return None


class _APScheduler:
    name = "apscheduler"
    keeps = "durable until begun, no history"
    has_coded_triggers = False

    async def prepare(self, env: Env) -> None:
        async with self.client(env):
            pass

    @asynccontextmanager
    async def client(self, env: Env) -> AsyncIterator[Client]:
        async with _scheduler(_durable(env), is_paused=True) as scheduler:
            yield _Client(scheduler)

    @asynccontextmanager
    async def worker(
        self, env: Env, triggers: CodedTriggers | None = None
    ) -> AsyncIterator[Worker]:
        async with _scheduler(_durable(env), is_paused=False) as scheduler:
            yield _Worker(scheduler, _Client(scheduler))

    @asynccontextmanager
    async def memory_worker(self, env: Env) -> AsyncIterator[Worker]:
        async with _scheduler(MemoryJobStore(), is_paused=False) as scheduler:
            yield _Worker(scheduler, _MemoryClient(scheduler))


@asynccontextmanager
async def _scheduler(store: Any, *, is_paused: bool) -> AsyncIterator[AsyncIOScheduler]:
    scheduler = AsyncIOScheduler(
        jobstores={"default": store}, job_defaults={"misfire_grace_time": None}, timezone=UTC
    )
    scheduler.start(paused=is_paused)
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=False)


def _durable(env: Env) -> SQLAlchemyJobStore:
    return SQLAlchemyJobStore(url=env.dsn.replace("postgresql://", "postgresql+psycopg://", 1))


SYSTEM: System = _APScheduler()
