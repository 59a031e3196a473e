"""RunReports: what an executor tells the job store of its runs; kept until it is stored.

Ends go in batches without a timer: the next batch forms while one is being committed. The log of a
run is stored before its end, for an ended run takes no more lines.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final, Protocol

import pykka

from callboard.clock import Clock
from callboard.commands import AppendLog, EndedRun, EndRuns, ParkRun
from callboard.domain.log import LogChunk
from callboard.domain.run import RunError
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
        self._to_park: list[tuple[Attempt, Outcome]] = []
        self._parking: set[int] = set()
        self._is_sending = False
        self._logs_are_stored = asyncio.Event()
        self._logs_are_stored.set()

    def __len__(self) -> int:
        """Runs whose end is not stored yet."""
        return len(self.ended) + len(self._parking) + len(self._to_park)

    @property
    def ids(self) -> frozenset[int]:
        """Of those runs."""
        ids = {one.run.id for one in self.ended}
        ids.update(attempt.run.id for attempt, _ in self._to_park)
        return frozenset(ids | self._parking)

    def park(self, attempt: Attempt, outcome: Outcome) -> None:
        """Put a run aside for an operator, with the next `send`."""
        self._to_park.append((attempt, outcome))

    def send(self) -> None:
        """Have what was added stored, in tasks of the executor."""
        if self.ended and not self._is_sending:
            self._is_sending = True
            self._spawn(self._store_ends(), name="executor-ends")
        for attempt, outcome in self._to_park:
            self._parking.add(attempt.run.id)
            self._spawn(self._store_parked(attempt, outcome), name=f"park-{attempt.run.id}")
        self._to_park.clear()

    def send_logs(self, attempts: Collection[Attempt]) -> None:
        """Have stored what the runs have logged by now."""
        for attempt in attempts:
            attempt.flush()
        if self._logs_are_stored.is_set() and any(attempt.has_chunks for attempt in attempts):
            self._logs_are_stored.clear()
            chunks = tuple(chunk for one in attempts for chunk in one.take_chunks())
            self._spawn(self._store_logs(chunks), name="executor-logs")

    def forget(self) -> None:
        """The lease is lost: nothing of these runs is this node's to tell."""
        self.epoch = None
        self.ended.clear()
        self._to_park.clear()

    async def _store_ends(self) -> None:
        try:
            while self.ended and self.epoch is not None:
                await self._logs_are_stored.wait()
                batch = tuple(self.ended[:ENDS_PER_COMMIT])
                if await self._stored(EndRuns(ended=batch)):
                    del self.ended[: len(batch)]
                    self._on_stored()
        finally:
            self._is_sending = False

    async def _store_parked(self, attempt: Attempt, outcome: Outcome) -> None:
        error = outcome.error or RunError(type="Parked", message="its runner put it aside")
        run, chunks = attempt.run, attempt.take_chunks()
        if run.epoch is not None:
            if chunks:
                await self._stored(AppendLog(epoch=run.epoch, chunks=chunks))
            await self._stored(ParkRun(run_id=run.id, epoch=run.epoch, error=error))
        self._parking.discard(run.id)
        self._on_stored()

    async def _store_logs(self, chunks: tuple[LogChunk, ...]) -> None:
        try:
            if self.epoch is not None:
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
