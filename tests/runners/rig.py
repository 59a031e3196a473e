"""A rig to execute runs without a board: the runners, a log that is read at once, and waiting."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from callboard.clock import Clock, SystemClock
from callboard.domain.egress import Egress
from callboard.domain.job import Job
from callboard.domain.json import Json
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.runners.attempt import Attempt as BareAttempt
from callboard.runners.attempt import Stage
from callboard.runners.contract import Outcome, Runners
from callboard.runners.control import RunControl
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.log import RunLog
from callboard.runners.standard import standard_runners
from callboard.runtime import begin_task
from callboard.store.contract import LogChunk, LogLine

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
AN_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
DEADLINE_S = 20.0


def make_run(arguments: Mapping[str, Json] | None = None, **facts: Any) -> Run:
    facts = {"id": 42, "job": "a-job", "group": "default", "job_id": 1, **facts}
    return Run(
        arguments=arguments or {},
        chain_id=42,
        trace_id=TRACE_ID,
        created_at=AN_INSTANT,
        due_at=AN_INSTANT,
        state=RunState.RUNNING,
        **facts,
    )


def python_job(handler: str = "the-handler", *, isolation: str | None = None, **facts: Any) -> Job:
    return Job(
        name="a-job", kind="python", spec=_spec(handler=handler, isolation=isolation), **facts
    )


def command_job(*argv: str, **spec: Any) -> Job:
    timeout_s = spec.pop("timeout_s", None)
    program = {"argv": list(argv)} if argv else {}
    return Job(name="a-job", kind="command", spec=_spec(**program, **spec), timeout_s=timeout_s)


def script_job(location: str, **spec: Any) -> Job:
    timeout_s = spec.pop("timeout_s", None)
    return Job(
        name="a-job", kind="script", spec=_spec(location=location, **spec), timeout_s=timeout_s
    )


def http_job(url: str, **spec: Any) -> Job:
    timeout_s = spec.pop("run_timeout_s", None)
    return Job(name="a-job", kind="http", spec=_spec(url=url, **spec), timeout_s=timeout_s)


def _spec(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}


class Attempt:
    """One run on its way: its log so far, its control, its outcome."""

    def __init__(self, attempt: BareAttempt, end: asyncio.Future[Outcome]) -> None:
        self.bare = attempt
        self._end = end
        self._chunks: list[LogChunk] = []

    async def outcome(self) -> Outcome:
        """The end, with the log closed."""
        return await self._end

    async def abandon(self) -> None:
        """Cut it off; its end must not be told."""
        await self.bare.abandon()
        assert not self._end.done()

    @property
    def is_over(self) -> bool:
        return self._end.done()

    @property
    def control(self) -> RunControl:
        return self.bare.control

    @property
    def log(self) -> RunLog:
        return self.bare.log

    @property
    def chunks(self) -> list[LogChunk]:
        self._chunks += self.bare.take_chunks()
        return self._chunks

    @property
    def lines(self) -> list[LogLine]:
        return [line for chunk in self.chunks for line in chunk.lines]

    def texts(self, *streams: str) -> list[str]:
        return [line.text for line in self.lines if not streams or line.stream in streams]

    async def printed(self, text: str) -> None:
        """Wait until a line of the log holds the text."""

        def found() -> bool:
            self.log.flush()
            return any(text in line for line in self.texts())

        await eventually(found)


class Rig:
    """The standard runners, and a registry whose handler `the-handler` is the one under test."""

    def __init__(
        self, runners: Runners, registry: HandlerRegistry, clock: Clock, *, eager: bool = True
    ) -> None:
        """`eager`: as far as the interpreter can."""
        self.runners = runners
        self.registry = registry
        self.clock = clock
        self._ends: dict[BareAttempt, asyncio.Future[Outcome]] = {}
        self._stage = Stage(
            runners=runners,
            clock=clock,
            begin=partial(begin_task, eager=eager),
            on_end=lambda attempt, outcome: self._ends.pop(attempt).set_result(outcome),
            on_fault=self._on_fault,
        )

    def _on_fault(self, error: BaseException) -> None:
        raise AssertionError("the end could not be told") from error

    def begin(self, job: Job, run: Run | None = None) -> Attempt:
        """Start executing; unless tasks are eager, the handler has not made its first step yet."""
        bare = BareAttempt(self._stage, run or make_run(), job)
        end = self._ends[bare] = asyncio.get_running_loop().create_future()
        bare.start()
        return Attempt(bare, end)

    async def execute(
        self, job: Job, arguments: Mapping[str, Json] | None = None
    ) -> tuple[Outcome, Attempt]:
        attempt = self.begin(job, make_run(arguments))
        return await attempt.outcome(), attempt

    async def call(
        self, handler: Callable[..., Any], *, isolation: str | None = None, **arguments: Json
    ) -> tuple[Outcome, Attempt]:
        """Register the function and execute a run of it."""
        attempt = self.begin_call(handler, isolation=isolation, timeout_s=None, **arguments)
        return await attempt.outcome(), attempt

    def begin_call(
        self,
        handler: Callable[..., Any],
        *,
        isolation: str | None = None,
        timeout_s: float | None = None,
        **arguments: Json,
    ) -> Attempt:
        name = f"handler-{len(self.registry.names)}"
        self.registry.register(name, handler)
        job = python_job(name, isolation=isolation, timeout_s=timeout_s)
        return self.begin(job, make_run(arguments))


@asynccontextmanager
async def open_rig(
    clock: Clock | None = None, *, capacity: int = 4, eager: bool = True
) -> AsyncIterator[Rig]:
    registry = HandlerRegistry()
    egress = Egress.of(["127.0.0.1"])
    runners = standard_runners(registry, capacity=capacity, environ=os.environ, egress=egress)
    try:
        yield Rig(runners, registry, clock or SystemClock(), eager=eager)
    finally:
        runners.close()


async def eventually(condition: Callable[[], bool]) -> None:
    """Poll until the condition holds; for what happens in threads and processes."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - threads and processes set no event
            await asyncio.sleep(0.01)
