"""RunReports: what an executor tells the job store of its runs; kept until it is stored.

Ends go in batches without a timer: the next batch forms while one is being committed. The log of a
run is stored before its end, for an ended run takes no more lines; so is that of a run which has
not ended but leaves this node, parked or snoozed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol

import pykka

from callboard.clock import Clock
from callboard.commands import (
    AppendLog,
    EndedRun,
    EndRuns,
    ParkRun,
    ReportProgress,
    SnoozeRun,
)
from callboard.domain.json import JsonObject
from callboard.domain.log import LogChunk
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.errors import CallboardError
from callboard.runners.attempt import Attempt
from callboard.runners.contract import Outcome
from callboard.runtime import Command, ask

ENDS_PER_COMMIT: Final = 1000
RETRY_S: Final = 0.5
ASK_S: Final = 30.0
OUTAGES: Final = (CallboardError, pykka.ActorDeadError)

logger = logging.getLogger(__name__)


class Spawn(Protocol):
    """An actor's `spawn`."""

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> object: ...


class RunReports:
    """Owned by the executor, which calls `send` when it has added something."""

    def __init__(
        self,
        *,
        job_store: pykka.ActorRef[Any],
        spawn: Spawn,
        on_stored: Callable[[], None],
        clock: Clock,
    ) -> None:
        """Args:
        on_stored: called when runs are not this node's any more.
        """
        self.epoch: int | None = None
        """Of the node's registration; what was told under another one is void."""
        self.ended: list[EndedRun] = []
        """To be added to; stored in this order."""
        self._job_store = job_store
        self._spawn = spawn
        self._on_stored = on_stored
        self._clock = clock
        self._to_leave: list[tuple[Attempt, Outcome]] = []
        self._leaving: set[int] = set()
        self._last_said: dict[int, JsonObject] = {}
        self._is_sending = False
        self._logs_are_stored = asyncio.Event()
        self._logs_are_stored.set()

    def __len__(self) -> int:
        """Runs whose end is not stored yet."""
        return len(self.ended) + len(self._leaving) + len(self._to_leave)

    @property
    def ids(self) -> frozenset[int]:
        """Of those runs."""
        ids = {one.run.id for one in self.ended}
        ids.update(attempt.run.id for attempt, _ in self._to_leave)
        return frozenset(ids | self._leaving)

    def put_back(self, attempt: Attempt, outcome: Outcome) -> None:
        """Park a run for an operator, or queue it again for later, with the next `send`."""
        self._to_leave.append((attempt, outcome))

    def said_last(self, run_id: int, progress: JsonObject) -> None:
        """What an ended run said last of its progress: stored before its end."""
        self._last_said[run_id] = progress

    def send(self) -> None:
        """Have what was added stored, in tasks of the executor."""
        if self.ended and not self._is_sending:
            self._is_sending = True
            self._spawn(self._store_ends(), name="executor-ends")
        for attempt, outcome in self._to_leave:
            self._leaving.add(attempt.run.id)
            self._spawn(self._store_put_back(attempt, outcome), name=f"put-back-{attempt.run.id}")
        self._to_leave.clear()

    def send_logs(self, attempts: Collection[Attempt]) -> None:
        """Have stored what the runs have logged, and said of their progress, by now."""
        for attempt in attempts:
            attempt.flush()
        if self._logs_are_stored.is_set() and any(map(_has_news, attempts)):
            self._logs_are_stored.clear()
            said = {one.run.id: one.take_progress() for one in attempts if one.has_progress}
            chunks = tuple(chunk for one in attempts for chunk in one.take_chunks())
            self._spawn(self._store_logs(chunks, _known(said)), name="executor-logs")

    def forget(self) -> None:
        """The lease is lost: nothing of these runs is this node's to tell."""
        self.epoch = None
        self.ended.clear()
        self._to_leave.clear()
        self._last_said.clear()

    async def _store_ends(self) -> None:
        try:
            while self.ended and self.epoch is not None:
                await self._logs_are_stored.wait()
                batch = tuple(self.ended[:ENDS_PER_COMMIT])
                if self._last_said:
                    await self._store_last_said([one.run for one in batch])
                if await self._stored(EndRuns(ended=batch)):
                    del self.ended[: len(batch)]
                    self._on_stored()
        finally:
            self._is_sending = False

    async def _store_last_said(self, runs: Sequence[Run]) -> None:
        """Before the ends of the runs, which are in the history then and change no more."""
        said = {run.id: self._last_said.pop(run.id, None) for run in runs}
        await self._store_progress(_known(said))

    async def _store_progress(self, said: tuple[tuple[int, JsonObject], ...]) -> None:
        if said and self.epoch is not None:
            await self._stored(ReportProgress(epoch=self.epoch, said=said))

    async def _store_put_back(self, attempt: Attempt, outcome: Outcome) -> None:
        run, chunks = attempt.run, attempt.take_chunks()
        if run.epoch is not None:
            if run.id in self._last_said:
                await self._logs_are_stored.wait()
                await self._store_last_said([run])
            if chunks:
                await self._logs_are_stored.wait()
                await self._stored(AppendLog(epoch=run.epoch, chunks=chunks))
            await self._stored(_putting_back(run, run.epoch, outcome))
        self._leaving.discard(run.id)
        self._on_stored()

    async def _store_logs(
        self, chunks: tuple[LogChunk, ...], said: tuple[tuple[int, JsonObject], ...]
    ) -> None:
        try:
            await self._store_progress(said)
            if chunks and self.epoch is not None:
                await self._stored(AppendLog(epoch=self.epoch, chunks=chunks))
        finally:
            self._logs_are_stored.set()

    async def _stored(self, command: Command[Any]) -> bool:
        """Whether it was answered, after as many tries as it takes, before the lease was lost."""
        epoch = self.epoch
        while self.epoch == epoch is not None:
            try:
                await ask(self._job_store, command, timeout=ASK_S)
            except OUTAGES as error:
                logger.info("ends and logs wait: %s", error)
                await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)
            else:
                return self.epoch == epoch
        return False


def _has_news(attempt: Attempt) -> bool:
    return attempt.has_chunks or attempt.has_progress


def _known(said: Mapping[int, JsonObject | None]) -> tuple[tuple[int, JsonObject], ...]:
    return tuple((run_id, each) for run_id, each in sorted(said.items()) if each is not None)


def _putting_back(run: Run, epoch: int, outcome: Outcome) -> ParkRun | SnoozeRun:
    if outcome.state is RunState.QUEUED:
        after_s = outcome.after_s or 0.0
        return SnoozeRun(run_id=run.id, epoch=epoch, started_at=run.started_at, after_s=after_s)
    error = outcome.error or RunError(type="Parked", message="its runner put it aside")
    return ParkRun(run_id=run.id, epoch=epoch, started_at=run.started_at, error=error)
