"""Executor: runs runs on this node, never more than `capacity` at once.

Receives
    Committed(...)               from job store   runs were queued, stops were requested
    Hinted(topic)                from job store   the same, on other nodes
    LeaseGained(...)             from registrar   claims may begin
    LeaseRenewed(...)            from registrar   stops that were requested on other nodes
    LeaseLost(reason)            from registrar   cancel everything, record nothing
    Drain(deadline_s)            from supervisor  claim nothing more; answered when nothing runs
    _Look()                      from self        runs may be due
    _Flush()                     from self        logs are to be stored
Sends
    ClaimRuns, EndRuns, ParkRun, HandBack, AppendLog, NextDueAt    to job store
Owns
    held: runs that this node holds, by id, at most `capacity` of them unfinished; lost on a crash,
        then handed back
    ended: ends that are not stored yet; their runs are still held
    epoch: of this node's registration; None: nothing may be claimed
States
    OUT -LeaseGained-> IN -LeaseLost-> OUT;  IN -Drain-> DRAINING, which does not end
Fails
    StoreUnavailable: ends and logs are kept and sent again
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random  # noqa: TID251 - the type only; the board brings the generator
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import (
    AppendLog,
    ClaimedRun,
    ClaimRuns,
    EndedRun,
    EndRuns,
    HandBack,
    NextDueAt,
    ParkRun,
)
from callboard.config import BoardConfig
from callboard.domain.job import Job
from callboard.domain.node import Node
from callboard.domain.retry import retry_delay_s
from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.states import RunState
from callboard.domain.timeline import Timeline
from callboard.errors import CallboardError
from callboard.events import Committed, Hinted, LeaseGained, LeaseLost, LeaseRenewed
from callboard.runners.attempt import execute_attempt
from callboard.runners.contract import Outcome, Runners, Spawn
from callboard.runners.control import RunControl
from callboard.runners.log import RunLog
from callboard.runtime import AsyncioActor, Command, ask
from callboard.store.contract import LogChunk, RunEnd

RETRY_S: Final = 0.5
CLAIM_LIMIT: Final = 500
ENDS_PER_COMMIT: Final = 1000
ASK_S: Final = 30.0
RETRYABLE: Final = frozenset({RunState.FAILED, RunState.TIMED_OUT})
OUTAGES: Final = (CallboardError, pykka.ActorDeadError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Command[None]):
    """Claim nothing more; answered when nothing runs, or what still ran was handed back."""

    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flush:
    pass


Inbox: TypeAlias = (
    Committed | Hinted | LeaseGained | LeaseRenewed | LeaseLost | Drain | _Look | _Flush
)


@dataclass(slots=True, kw_only=True)
class Held:
    """A run on this node."""

    run: Run
    job: Job
    control: RunControl
    log: RunLog
    chunks: list[LogChunk]
    """Of its log, not stored yet."""
    began_at: float
    task: asyncio.Task[None] | None = None


class Executor(AsyncioActor):
    def __init__(
        self,
        *,
        job_store: pykka.ActorRef[Any],
        make_runners: Callable[[Spawn], Runners],
        config: BoardConfig,
        node: Callable[[], Node | None],
        rng: Random,
        clock: Clock,
    ) -> None:
        super().__init__(clock=clock)
        self._job_store = job_store
        self._runners = make_runners(self.spawn)
        self._config = config
        self._known_node = node
        self._rng = rng
        self._epoch: int | None = None
        self._present: Timeline | None = None
        self._held: dict[int, Held] = {}
        self._ended: list[EndedRun] = []
        self._idle = asyncio.Event()
        self._is_draining = self._is_claiming = self._is_ending = False
        self._logs_are_stored = asyncio.Event()
        self._logs_are_stored.set()
        self._look_again = False
        self._look_at = 0.0
        self._is_unsure = False
        """Whether the store may hold runs for this epoch that this actor does not know of."""

    def on_start(self) -> None:
        node = self._known_node()
        if node is not None:
            # Another life of this actor held runs that died with it.
            self._is_unsure = True
            self._on_lease_gained(LeaseGained(node=node))

    def on_stop(self) -> None:
        self._runners.close()

    def on_failure(self, *_: object) -> None:
        self._runners.close()

    def on_receive(self, message: Inbox) -> Any:
        match message:
            case Committed():
                return self._on_committed(message)
            case Hinted():
                return self._look() if message.topic in ("runs", "opened") else None
            case LeaseGained():
                return self._on_lease_gained(message)
            case LeaseRenewed():
                return self._on_lease_renewed(message)
            case LeaseLost():
                return self._on_lease_lost(message)
            case Drain():
                return self.later(self._on_drain(message))
            case _Look():
                return self._look()
            case _Flush():
                return self._on_flush()
            case _:
                return self.unexpected(message)

    def _on_committed(self, message: Committed) -> None:
        queued = [event.run for event in message.events if event.type == "run.queued"]
        if queued:
            self._on_queued([run for run in queued if run is not None])
        for event in message.events:
            if event.type == "run.stopping" and event.run is not None:
                self._stop(event.run)

    def _on_queued(self, runs: Iterable[Run]) -> None:
        now = self._store_now()
        due_in = min((run.due_at - now for run in runs), default=timedelta()).total_seconds()
        if due_in <= 0:
            self._look()
        else:
            self._look_in(due_in)

    def _on_lease_gained(self, message: LeaseGained) -> None:
        self._epoch = message.node.epoch
        self._present = message.present
        self._look()

    def _on_lease_renewed(self, message: LeaseRenewed) -> None:
        self._present = message.present
        for run in message.stopping:
            self._stop(run)
        self._look()

    def _on_lease_lost(self, message: LeaseLost) -> None:
        logger.warning("%d runs are given up: %s", len(self._held), message.reason)
        self._epoch = None
        for held in self._held.values():
            if held.task is not None:
                held.task.cancel()
        self._held.clear()
        self._ended.clear()

    def _stop(self, run: Run) -> None:
        held = self._held.get(run.id)
        if held is not None and run.epoch == self._epoch:
            grace_s = 30.0 if run.stop_grace_s is None else run.stop_grace_s
            held.control.request_stop(run.stop_mode or StopMode.COOPERATIVE, grace_s)

    # claiming

    def _look(self) -> None:
        self._look_again = True
        if not self._is_claiming and self._can_claim():
            self._is_claiming = True
            self.spawn(self._claim_all(), name="executor-claims")

    def _can_claim(self) -> bool:
        return self._epoch is not None and not self._is_draining and self._room() > 0

    def _room(self) -> int:
        """Runs that may be taken on; what a detached handler keeps busy is not free (T08).

        A run makes room when it has ended, before its end is stored: so ends and the claims that
        follow them share a commit. Not without limit: unstored ends are this node's to keep.
        """
        capacity = self._config.capacity
        if len(self._ended) > capacity:
            return 0
        finished = sum(one.end.run_id in self._held for one in self._ended)
        return capacity - (len(self._held) - finished) - self._runners.stuck

    async def _claim_all(self) -> None:
        wait_s = RETRY_S
        try:
            while self._look_again and self._can_claim():
                self._look_again = False
                limit = min(self._room(), CLAIM_LIMIT)
                if await self._claim(limit) == limit:
                    self._look_again = True
                else:  # that was all: what comes later is told, or waits for its time
                    wait_s = await self._next_look_s()
        except OUTAGES as error:
            logger.info("runs wait: %s", error)
            self._look_again = True
        finally:
            self._is_claiming = False
        self._look_in(wait_s)

    async def _claim(self, limit: int) -> int:
        epoch = self._epoch
        assert epoch is not None
        await self._give_back_strays(epoch)
        self._is_unsure = True
        claimed = await ask(self._job_store, ClaimRuns(epoch=epoch, limit=limit), timeout=ASK_S)
        self._is_unsure = False
        if self._epoch == epoch:
            for item in claimed:
                self._begin(item)
        return len(claimed)

    async def _give_back_strays(self, epoch: int) -> None:
        """Queue again what an unanswered claim may have given to this node (H08)."""
        if self._is_unsure:
            keep = frozenset(self._held)
            await ask(self._job_store, HandBack(epoch=epoch, keep=keep), timeout=ASK_S)
            self._is_unsure = False

    async def _next_look_s(self) -> float:
        if not self._can_claim():
            return self._config.poll_s
        due_at = await ask(self._job_store, NextDueAt())
        if due_at is None:
            return self._config.poll_s
        return min(self._config.poll_s, max(0.0, (due_at - self._store_now()).total_seconds()))

    def _store_now(self) -> datetime:
        """The present by which runs are due: the store's, as it was at the last renewal (T04)."""
        if self._present is None:
            return self.clock.now()
        return self._present.now(self.clock.monotonic())

    def _look_in(self, seconds: float) -> None:
        """Look in so many seconds, or earlier when that was planned already."""
        at = self.clock.monotonic() + seconds
        if "look" not in self.timers or at < self._look_at:
            self._look_at = at
            self.timers.send_at("look", at, _Look())

    # running

    def _begin(self, claimed: ClaimedRun) -> None:
        run, job = claimed.run, claimed.job
        if job is None:
            error = RunError(type="JobGone", message=f"the job {run.job!r} was deleted")
            outcome = Outcome(state=RunState.FAILED, error=error)
            self._ended.append(EndedRun(end=_end(run, outcome, elapsed_s=0.0)))
            self._send_ends()
            return
        chunks: list[LogChunk] = []
        held = Held(
            run=run,
            job=job,
            control=RunControl(self.clock),
            log=RunLog(
                run.id,
                clock=self.clock,
                limit_bytes=self._config.log_limit_bytes,
                emit=chunks.append,
                after=claimed.log_seq,
            ),
            chunks=chunks,
            began_at=self.clock.monotonic(),
        )
        self._held[run.id] = held
        held.task = self.spawn(self._execute(held), name=f"run-{run.id}")
        if "flush" not in self.timers:
            self.timers.send_after("flush", self._config.log_flush_s, _Flush())

    async def _execute(self, held: Held) -> None:
        try:
            outcome = await execute_attempt(
                self._runners,
                held.job,
                held.run,
                log=held.log,
                control=held.control,
                clock=self.clock,
            )
        except Exception as error:
            logger.exception("the runner of run %d broke", held.run.id)
            broken = RunError(type="RunnerBroke", message=f"{type(error).__name__}: {error}")
            outcome = Outcome(state=RunState.FAILED, error=broken)
        self._on_outcome(held, outcome)

    def _on_outcome(self, held: Held, outcome: Outcome) -> None:
        if self._held.get(held.run.id) is not held:
            return  # given up meanwhile: its end is not this node's to tell
        held.log.close()
        if outcome.state is RunState.PARKED:
            self.spawn(self._park(held, outcome), name=f"park-{held.run.id}")
            return
        chunks = tuple(held.chunks)
        held.chunks.clear()
        elapsed_s = self.clock.monotonic() - held.began_at
        retry_after_s = self._retry_after_s(held, outcome)
        end = _end(held.run, outcome, elapsed_s)
        self._ended.append(EndedRun(end=end, retry_after_s=retry_after_s, log=chunks))
        self._send_ends()
        self._look()

    def _retry_after_s(self, held: Held, outcome: Outcome) -> float | None:
        if outcome.state not in RETRYABLE:
            return None
        return retry_delay_s(held.job.retry, held.run.attempt, self._rng)

    # what is told to the store: nothing is let go of before it is stored

    def _send_ends(self) -> None:
        if not self._is_ending:
            self._is_ending = True
            self.spawn(self._store_ends(), name="executor-ends")

    async def _store_ends(self) -> None:
        try:
            while self._ended:
                await self._logs_are_stored.wait()  # an ended run takes no more lines
                ended = tuple(self._ended[:ENDS_PER_COMMIT])
                if await self._stored(EndRuns(ended=ended)) is not None:
                    del self._ended[: len(ended)]
                    for one in ended:
                        self._let_go(one.end.run_id)
        finally:
            self._is_ending = False

    async def _park(self, held: Held, outcome: Outcome) -> None:
        error = outcome.error or RunError(type="Parked", message="its runner put it aside")
        epoch = held.run.epoch
        if epoch is not None:
            if held.chunks:
                await self._stored(AppendLog(epoch=epoch, chunks=tuple(held.chunks)))
            await self._stored(ParkRun(run_id=held.run.id, epoch=epoch, error=error))
        self._let_go(held.run.id)

    async def _stored(self, command: Command[Any]) -> Any:
        """The answer, after as many tries as it takes; None when the lease was lost meanwhile."""
        epoch = self._epoch
        while self._epoch == epoch is not None:
            try:
                return await ask(self._job_store, command, timeout=ASK_S)
            except OUTAGES as error:
                logger.info("ends and logs wait: %s", error)
                await self.clock.sleep_until(self.clock.monotonic() + RETRY_S)
        return None

    def _let_go(self, run_id: int) -> None:
        self._held.pop(run_id, None)
        if not self._held:
            self._idle.set()
        self._look()

    def _on_flush(self) -> None:
        for held in self._held.values():
            held.log.flush()
        if self._logs_are_stored.is_set() and any(held.chunks for held in self._held.values()):
            self._logs_are_stored.clear()
            self.spawn(self._store_logs(), name="executor-logs")
        if self._held:
            self.timers.send_after("flush", self._config.log_flush_s, _Flush())

    async def _store_logs(self) -> None:
        try:
            chunks: list[LogChunk] = []
            for held in self._held.values():
                chunks += held.chunks
                held.chunks.clear()
            if self._epoch is not None:
                await self._stored(AppendLog(epoch=self._epoch, chunks=tuple(chunks)))
        finally:
            self._logs_are_stored.set()

    # closing

    async def _on_drain(self, message: Drain) -> None:
        self._is_draining = True
        self._idle.clear()
        alarm = self.clock.call_at(self.clock.monotonic() + message.deadline_s, self._idle.set)
        while self._held and not self._idle.is_set():
            await self._idle.wait()
        alarm.cancel()
        if self._held and self._epoch is not None:
            await self._hand_back(self._epoch)

    async def _hand_back(self, epoch: int) -> None:
        logger.warning("%d runs are handed back: they did not end in time", len(self._held))
        tasks = [held.task for held in self._held.values() if held.task is not None]
        self._held.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ask(self._job_store, HandBack(epoch=epoch), timeout=ASK_S)


def _end(run: Run, outcome: Outcome, elapsed_s: float) -> RunEnd:
    # By the store's clock, whatever this node's says: the claim's instant and a measured duration.
    ended_at = (run.started_at or run.created_at) + timedelta(seconds=elapsed_s)
    return RunEnd(
        run_id=run.id,
        epoch=run.epoch,
        state=outcome.state,
        result=outcome.result,
        error=outcome.error,
        ended_at=ended_at,
    )
