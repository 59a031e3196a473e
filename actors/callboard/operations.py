"""Operations: all that can be asked of a board once it is open."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, Self, TypeVar

import pykka

from callboard import commands as c
from callboard.clock import Clock
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.node import Node
from callboard.domain.run import NewRun, Run, StopMode
from callboard.domain.slot import SlotView, view_slots
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger
from callboard.errors import NotFound, StoreUnavailable
from callboard.runtime import Command, ask
from callboard.store.contract import (
    IdempotencyRecord,
    JobFilter,
    LogLine,
    RunFilter,
    TriggerFilter,
)
from callboard.stream import Subscribe
from callboard.subscription import EventFilter, Subscription

R = TypeVar("R")

ANSWER_S: Final = 30.0
LOG_POLL_S: Final = 0.25
LOG_PAGE: Final = 1000
RUN_POLL_S: Final = 5.0


class Operations:
    """Every call may raise StoreUnavailable or Overloaded, besides what it names.

    A call that changed something returns when the change is committed.
    """

    clock: Clock

    def _actor(self, name: str) -> pykka.ActorRef[Any]:
        """Raises StoreUnavailable while the board is not open."""
        raise NotImplementedError

    async def _ask(self, command: Command[R]) -> R:
        try:
            return await ask(self._actor("job_store"), command, timeout=ANSWER_S)
        except pykka.ActorDeadError as error:
            raise StoreUnavailable("the board is closing") from error

    # jobs

    async def create_job(self, job: Job) -> Job:
        """Raises AlreadyExists."""
        return await self._ask(c.CreateJob(job=job))

    async def replace_job(
        self, job: Job, *, expected_version: int | None = None
    ) -> tuple[Job, bool]:
        """Create, or replace by group and name; whether it was created.

        An equal definition changes nothing. Raises StaleVersion.
        """
        return await self._ask(c.ReplaceJob(job=job, expected_version=expected_version))

    async def delete_job(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> None:
        """Its queued runs are stopped, running ones go on, history stays.

        Raises NotFound, StaleVersion, Conflict job_in_use while a trigger names it.
        """
        await self._ask(c.DeleteJob(group=group, name=name, expected_version=expected_version))

    async def get_job(self, group: str, name: str) -> Job:
        """Raises NotFound."""
        return _found(await self._ask(c.GetJob(group=group, name=name)), "job", name)

    async def list_jobs(self, filter: JobFilter) -> list[Job]:
        """One page, by group and name."""
        return await self._ask(c.ListJobs(filter=filter))

    # triggers

    async def create_trigger(self, trigger: Trigger, *, activate: bool = True) -> Trigger:
        """Raises AlreadyExists; InvalidInput at actions[i].job for a job that does not exist."""
        return await self._ask(c.CreateTrigger(trigger=trigger, activate=activate))

    async def replace_trigger(
        self, trigger: Trigger, *, expected_version: int | None = None, activate: bool = True
    ) -> tuple[Trigger, bool]:
        """Create (active if `activate`), or replace one, which keeps its state; whether created.

        Other timing begins a new generation; slots that are due are decided by the old one.
        """
        return await self._ask(
            c.ReplaceTrigger(trigger=trigger, activate=activate, expected_version=expected_version)
        )

    async def delete_trigger(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> None:
        """Its runs and its ledger stay. Raises NotFound, StaleVersion."""
        await self._ask(c.DeleteTrigger(group=group, name=name, expected_version=expected_version))

    async def get_trigger(self, group: str, name: str) -> Trigger:
        """Raises NotFound."""
        return _found(await self._ask(c.GetTrigger(group=group, name=name)), "trigger", name)

    async def list_triggers(self, filter: TriggerFilter) -> list[Trigger]:
        """One page, by group and name."""
        return await self._ask(c.ListTriggers(filter=filter))

    async def activate_trigger(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> Trigger:
        """An active one stays as it is. Raises NotFound, StaleVersion."""
        return await self._ask(
            c.ActivateTrigger(group=group, name=name, expected_version=expected_version)
        )

    async def deactivate_trigger(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> Trigger:
        """Raises NotFound, StaleVersion."""
        return await self._ask(
            c.DeactivateTrigger(group=group, name=name, expected_version=expected_version)
        )

    async def fire_trigger(
        self, group: str, name: str, *, arguments: JsonObject | None = None
    ) -> list[Run]:
        """Start all its actions at once, without a slot. Raises NotFound, Conflict."""
        command = c.FireTrigger(group=group, name=name, arguments=arguments or {})
        return list(await self._ask(command))

    async def list_slots(
        self, group: str, name: str, *, since: datetime, until: datetime, limit: int = 100
    ) -> list[SlotView]:
        """Slots in [since, until): what became of them, then what is to come. Raises NotFound."""
        trigger = await self.get_trigger(group, name)
        entries = await self._ask(
            c.ReadLedger(trigger_id=trigger.id, since=since, until=until, limit=limit)
        )
        return view_slots(trigger, entries, since=since, until=until, limit=limit)

    # runs

    async def start_runs(
        self, runs: Sequence[NewRun], *, idempotency_key: str | None = None
    ) -> list[Run]:
        """Create runs, all or none, in one commit.

        A unique_key that a live run of the job has is answered with that run; an idempotency_key
        that was used before with the runs of then. Raises InvalidInput at runs[i].job, Conflict
        job_disabled.
        """
        command = c.StartRuns(runs=tuple(runs), idempotency_key=idempotency_key)
        return list(await self._ask(command))

    async def get_run(self, run_id: int) -> Run:
        """Raises NotFound."""
        return _found(await self._ask(c.GetRun(run_id=run_id)), "run", run_id)

    async def list_runs(self, filter: RunFilter) -> list[Run]:
        """One page, newest first."""
        return await self._ask(c.ListRuns(filter=filter))

    async def stop_run(
        self, run_id: int, *, mode: StopMode = StopMode.COOPERATIVE, grace_s: float = 30.0
    ) -> Run:
        """A queued run is stopped, a running one is asked to (state stopping).

        Raises NotFound; Conflict illegal_transition when it has ended.
        """
        return await self._ask(c.StopRun(run_id=run_id, mode=mode, grace_s=grace_s))

    async def retry_run(self, run_id: int) -> Run:
        """The next attempt of an ended run without success; a parked run is queued again."""
        return await self._ask(c.RetryRun(run_id=run_id))

    async def abandon_run(self, run_id: int) -> Run:
        """Give up a failed or stopped run for good. Raises NotFound, Conflict."""
        return await self._ask(c.AbandonRun(run_id=run_id))

    async def wait_run(self, run_id: int, *, timeout_s: float | None = None) -> Run:
        """The run when it has ended, or as it is when the time is over. Raises NotFound."""
        filter = EventFilter(run_id=run_id)
        deadline = None if timeout_s is None else self.clock.monotonic() + timeout_s
        async with self.subscribe(filter=filter, snapshot=False) as subscription:
            while not (run := await self.get_run(run_id)).has_ended:
                wait_s = RUN_POLL_S
                if deadline is not None:
                    wait_s = min(wait_s, deadline - self.clock.monotonic())
                if wait_s <= 0:
                    break
                await subscription.arrival(self.clock, wait_s)
            return run

    async def read_log(self, run_id: int, *, after: int = 0, limit: int = 1000) -> list[LogLine]:
        """Lines with seq > after. Raises NotFound."""
        lines = await self._ask(c.ReadLog(run_id=run_id, after=after, limit=limit))
        if not lines:
            await self.get_run(run_id)
        return lines

    def follow_log(self, run_id: int, *, after: int = 0) -> LogTail:
        """Lines with seq > after as they are stored; ends with the run."""
        return LogTail(self, run_id, after)

    # stream

    @asynccontextmanager
    async def subscribe(
        self,
        *,
        after: int | None = None,
        filter: EventFilter | None = None,
        snapshot: bool = True,
        buffer: int = 1000,
    ) -> AsyncIterator[Subscription]:
        """Follow what happens: a Snapshot first (unless resumed), then every Event in order.

        `async for` over it may raise SubscriberTooSlow, which says where to resume.

        Args:
            after: number of the last event that is known already; None: from now on.
            buffer: events that may wait for the subscriber.
        Raises:
            EventsGone: `after` is older than what is stored, or was never given.
        """
        command = Subscribe(
            filter=filter or EventFilter(), after=after, snapshot=snapshot, buffer=buffer
        )
        try:
            subscription = await ask(self._actor("stream"), command, timeout=ANSWER_S)
        except pykka.ActorDeadError as error:
            raise StoreUnavailable("the board is closing") from error
        async with subscription:
            yield subscription

    # operation

    async def list_nodes(self) -> list[Node]:
        """Registered nodes by name, also those whose lease is over."""
        return await self._ask(c.ListNodes())

    async def count_live_runs(self) -> dict[RunState, int]:
        """Live runs by state."""
        return await self._ask(c.CountLiveRuns())

    async def begin_request(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        """Note a request with an Idempotency-Key. None: go on; otherwise what is known of it."""
        return await self._ask(c.BeginRequest(record=record))

    async def finish_request(self, record: IdempotencyRecord) -> None:
        """Keep its answer."""
        await self._ask(c.FinishRequest(record=record))

    async def abort_request(self, key: str) -> None:
        """Forget it: it failed."""
        await self._ask(c.AbortRequest(key=key))


class LogTail:
    """The lines of a run's log as they come: `async for`, which may raise NotFound.

    Cancelling a wait for the next line loses nothing.
    """

    def __init__(self, board: Operations, run_id: int, after: int) -> None:
        self._board = board
        self._run_id = run_id
        self._after = after
        self._lines: deque[LogLine] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LogLine:
        while not self._lines:
            await self._fetch()
        line = self._lines.popleft()
        self._after = line.seq
        return line

    async def _fetch(self) -> None:
        has_ended = (await self._board.get_run(self._run_id)).has_ended
        # Looked up before the lines: those of an ended run are all stored.
        self._lines.extend(
            await self._board.read_log(self._run_id, after=self._after, limit=LOG_PAGE)
        )
        if not self._lines:
            if has_ended:
                raise StopAsyncIteration
            clock = self._board.clock
            await clock.sleep_until(clock.monotonic() + LOG_POLL_S)


def _found(thing: R | None, kind: str, key: object) -> R:
    if thing is None:
        raise NotFound(kind, key)
    return thing
