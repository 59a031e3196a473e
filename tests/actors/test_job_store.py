"""The job store as an actor: what waits, what it says of its store, whom it tells."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pykka
import pytest

from callboard import NewRun, job_store
from callboard.commands import StartRuns
from callboard.domain.timeline import Timeline
from callboard.errors import Overloaded, StoreUnavailable
from callboard.events import AssignmentUnsure, LeaseRenewed, StoreChanged
from callboard.job_store import JobStore
from callboard.runtime import ask, stop
from callboard.store.cycle import Cycle, Cycled
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.factories import NOW, TRACE_ID, stored_job


class Moody:
    """A store in memory that may be away, or slow to commit."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.reason: str | None = None
        self.free = asyncio.Event()
        self.free.set()
        self.told: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def open(self) -> None:
        if self.reason is not None:
            raise StoreUnavailable(self.reason)
        await self._store.open()

    async def cycle(self, cycle: Cycle) -> Cycled:
        await self.free.wait()
        if self.reason is not None:
            raise StoreUnavailable(self.reason)
        return await self._store.cycle(cycle)

    async def notify(self, topics: Sequence[str]) -> None:
        self.told.append(list(topics))


@pytest.fixture
def moody(store: MemoryStore) -> Moody:
    return Moody(store)


@pytest.fixture
def facts() -> list[Any]:
    return []


@asynccontextmanager
async def started(
    moody: Moody, facts: list[Any], clock: VirtualClock
) -> AsyncIterator[pykka.ActorRef[Any]]:
    given: Any = moody
    ref = JobStore.start(
        store=given, publish=facts.append, new_trace_id=lambda: TRACE_ID, clock=clock
    )
    yield ref
    moody.free.set()
    moody.reason = None
    await clock.advance(1)
    await stop(ref)


@pytest.fixture
async def actor(
    moody: Moody, facts: list[Any], clock: VirtualClock
) -> AsyncIterator[pykka.ActorRef[Any]]:
    async with started(moody, facts, clock) as ref:
        yield ref


START = StartRuns(runs=(NewRun(job="report"),))


async def opened(actor: pykka.ActorRef[Any], moody: Moody, clock: VirtualClock) -> None:
    """The store is open, and the job of START is known."""
    await clock.settle()
    await stored_job(moody._store)
    await ask(actor, START)
    await clock.settle()


async def test_what_is_more_than_may_wait_is_refused(
    actor: Any, moody: Moody, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
):
    await opened(actor, moody, clock)
    monkeypatch.setattr(job_store, "WAITING_LIMIT", 2)
    moody.free.clear()
    first = asyncio.create_task(ask(actor, START))
    await clock.settle()
    others = [asyncio.create_task(ask(actor, START)) for _ in range(2)]
    await clock.settle()
    with pytest.raises(Overloaded):
        await ask(actor, START)
    moody.free.set()
    assert [len(await one) for one in (first, *others)] == [1, 1, 1]


async def test_a_store_that_stays_away_is_spoken_of_twice_a_minute(
    moody: Moody, clock: VirtualClock, caplog: pytest.LogCaptureFixture
):
    moody.reason = "nobody listens there"
    with caplog.at_level(logging.WARNING):
        async with started(moody, [], clock):
            await clock.advance(65)
    said = [record for record in caplog.records if "cannot be reached" in record.message]
    assert 2 <= len(said) <= 3


async def test_another_reason_is_told_at_once(moody: Moody, facts: list[Any], clock: VirtualClock):
    moody.reason = "one"
    async with started(moody, facts, clock):
        await clock.advance(2)
        moody.reason = "two"
        await clock.advance(2)
        assert [fact.reason for fact in facts] == ["one", "two"]


async def test_an_outage_is_told_when_it_begins_and_when_it_is_over(
    actor: Any,
    moody: Moody,
    facts: list[Any],
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
):
    await opened(actor, moody, clock)
    facts.clear()
    moody.reason = "away"
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await ask(actor, START)
        moody.reason = None
        await ask(actor, START)
    changes = [(fact.is_up, fact.reason) for fact in facts if isinstance(fact, StoreChanged)]
    assert changes == [(False, "away"), (True, "")]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_an_executor_is_told_to_look_after_its_runs_when_the_store_is_opened(
    actor: Any, facts: list[Any], clock: VirtualClock
):
    await clock.settle()
    assert AssignmentUnsure() in facts


@pytest.mark.parametrize(("nodes", "hints"), [(1, 0), (2, 1)])
async def test_hints_are_for_other_nodes(
    actor: Any, moody: Moody, clock: VirtualClock, nodes: int, hints: int
):
    await opened(actor, moody, clock)
    present = Timeline(at=0.0, earliest=NOW, latest=NOW)
    actor.tell(LeaseRenewed(skew_s=0.0, present=present, stopping=(), live_nodes=nodes))
    moody.told.clear()
    await ask(actor, START)
    await clock.settle()
    assert moody.told == [["events", "runs"]] * hints


async def test_what_waits_is_committed_before_the_actor_stops(
    moody: Moody, actor: Any, clock: VirtualClock
):
    await opened(actor, moody, clock)
    moody.free.clear()
    waiting = asyncio.create_task(ask(actor, START))
    await clock.settle()
    stopping = asyncio.create_task(stop(actor))
    await clock.settle()
    moody.free.set()
    (run,) = await waiting
    await stopping
    assert (await moody._store.get_run(run.id)) is not None
    assert run.created_at == NOW
