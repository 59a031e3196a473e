"""Procrastinate: psycopg's pool, LISTEN on, ended jobs kept (its default).

It finds timers by polling, by default every five seconds; here ten times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from datetime import UTC, datetime
from typing import Any

import procrastinate  # type: ignore[import-not-found,unused-ignore]

from benchmarks.probe import PROBE, hit
from benchmarks.systems.contract import (
    Client,
    CodedTriggers,
    Env,
    NotOffered,
    System,
    Worker,
)

POOL = 20
POLL_S = 0.1
ENDED = "select count(*) as n from procrastinate_jobs where status = 'succeeded'"
LIVE = "select count(*) as n from procrastinate_jobs where status in ('todo', 'doing')"


class _Client:
    def __init__(self, app: procrastinate.App) -> None:
        self._app = app
        self._task: Any = app.tasks["hit"]

    async def start(self, *, due: float = 0.0, is_timer: bool = False) -> None:
        job = self._task
        if is_timer:
            job = job.configure(schedule_at=datetime.fromtimestamp(due, UTC))
        await (job.defer_async(due=due) if due else job.defer_async())

    async def start_many(self, count: int, *, due: float = 0.0) -> None:
        at = datetime.fromtimestamp(due, UTC) if due else None
        await self._task.configure(schedule_at=at).batch_defer_async(*({} for _ in range(count)))

    async def waiting(self) -> int:
        return await _count(self._app, LIVE)

    def registering(self) -> AbstractContextManager[object]:
        return nullcontext()

    async def schedule(self, number: int, due: float) -> None:
        raise NotOffered("recurring triggers are declared in code")


class _Worker:
    def __init__(self, app: procrastinate.App) -> None:
        self._app = app
        self._client = _Client(app)

    @property
    def client(self) -> Client:
        return self._client

    async def unfinished(self) -> int:
        return await self._client.waiting()

    async def succeeded(self, at_most: int) -> int | None:
        return await _count(self._app, ENDED)


class _Procrastinate:
    name = "procrastinate"
    keeps = "durable, history, events"
    has_coded_triggers = True

    async def prepare(self, env: Env) -> None:
        app = _app(env)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    @asynccontextmanager
    async def client(self, env: Env) -> AsyncIterator[Client]:
        app = _app(env)
        async with app.open_async():
            yield _Client(app)

    @asynccontextmanager
    async def worker(
        self, env: Env, triggers: CodedTriggers | None = None
    ) -> AsyncIterator[Worker]:
        app = _app(env)
        if triggers is not None:
            _declare(app, triggers)
        async with app.open_async():
            running = asyncio.create_task(
                app.run_worker_async(
                    concurrency=env.concurrency,
                    fetch_job_polling_interval=POLL_S,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=1.0,
                )
            )
            try:
                yield _Worker(app)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running

    @asynccontextmanager
    async def memory_worker(self, env: Env) -> AsyncIterator[Worker]:
        raise NotOffered("its store in memory is for tests only")
        yield


def _app(env: Env) -> procrastinate.App:
    connector = procrastinate.PsycopgConnector(conninfo=env.dsn, min_size=POOL, max_size=POOL)
    app = procrastinate.App(connector=connector)
    app.task(name="hit")(hit)
    return app


def _declare(app: procrastinate.App, triggers: CodedTriggers) -> None:
    instant = datetime.fromtimestamp(triggers.due, UTC)
    # Croniter has the seconds last; procrastinate reads the expression in UTC.
    cron = f"{instant.minute} {instant.hour} * * * {instant.second}"

    async def periodic_hit(timestamp: int, due: float) -> None:
        PROBE.hit(due)

    task: Any = app.task(name="periodic_hit")(periodic_hit)
    for number in range(triggers.count):
        app.periodic(cron=cron, periodic_id=f"trigger-{number}", task_kwargs={"due": triggers.due})(
            task
        )


async def _count(app: procrastinate.App, query: str) -> int:
    row = await app.connector.execute_query_one_async(query)
    return int(row["n"])


SYSTEM: System = _Procrastinate()
