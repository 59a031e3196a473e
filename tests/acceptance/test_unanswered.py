"""What a node does about a question whose answer it never got (H08)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest

from callboard import BoardConfig, Callboard, RunState
from callboard.changes.apply import apply_all
from callboard.changes.work import Work
from callboard.commands import Change, ClaimRuns, EndedRun, EndRuns, HandBack
from callboard.domain.run import Run
from callboard.store.contract import LogChunk, LogLine, RunEnd, Store, Transaction
from callboard.store.cycle import Cycle, Cycled
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.boards import meanwhile
from support.factories import NOW, TRACE_ID, make_node, make_run, stored_job

LEASE = timedelta(seconds=30)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = MemoryStore(clock=VirtualClock(NOW))
    await store.open()
    yield store
    await store.close()


async def applied(store: Store, *changes: Change) -> list[object]:
    """The answers to changes that share a transaction."""
    async with store.begin() as tx:
        return await apply_all(Work(tx=tx, new_trace_id=lambda: TRACE_ID), changes)


async def register(store: Store, name: str) -> int:
    async with store.begin() as tx:
        node = await tx.insert_node(make_node(name), LEASE)
    assert node is not None
    return node.epoch


async def queue(store: Store) -> Run:
    run = make_run(1, await stored_job(store))
    async with store.begin() as tx:
        await tx.insert_runs([run])
    return run


async def test_a_claim_that_nobody_waits_for_any_more_is_handed_back_with_what_it_claimed(
    store: Store,
) -> None:
    """A claim that timed out in the mailbox, and the hand-back that it led to, may share a
    transaction: then the run must not stay with a node that does not know of it."""
    epoch = await register(store, "node")
    await queue(store)
    await applied(store, ClaimRuns(epoch=epoch, limit=10), HandBack(epoch=epoch))
    run = await store.get_run(1)
    assert run is not None
    assert (run.state, run.epoch) == (RunState.QUEUED, None)


async def test_the_log_of_an_end_that_comes_too_late_is_dropped_with_it(store: Store) -> None:
    """H05: the run is another node's by now, and so is its log."""
    zombie, holder = await register(store, "zombie"), await register(store, "holder")
    run = await queue(store)
    await applied(store, ClaimRuns(epoch=holder, limit=10))
    line = LogLine(seq=1, at=NOW, stream="stdout", level=None, text="too late")
    late = EndedRun(
        run=run,
        end=RunEnd(run_id=run.id, epoch=zombie, state=RunState.SUCCEEDED, ended_at=NOW),
        log=(LogChunk(run_id=run.id, lines=(line,)),),
    )
    assert await applied(store, EndRuns(ended=(late,))) == [frozenset()]
    assert await store.read_log(run.id, after=0, limit=10) == []


class HeldStore:
    """A store in memory whose commits can be held up."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.free = asyncio.Event()
        self.free.set()
        self.is_held = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        self.is_held = not self.free.is_set()
        await self.free.wait()
        async with self._store.begin() as tx:
            yield tx

    async def cycle(self, cycle: Cycle) -> Cycled:
        self.is_held = not self.free.is_set()
        await self.free.wait()
        return await self._store.cycle(cycle)


async def test_an_end_that_a_crashed_job_store_did_not_answer_is_sent_again() -> None:
    """The handler has done its work: it is not done again because an actor crashed."""
    clock = VirtualClock(NOW)
    store = HeldStore(MemoryStore(clock=clock))
    board = Callboard(store=cast(Store, store), clock=clock, config=BoardConfig())
    executions = []

    async def work() -> None:
        executions.append(1)
        store.free.clear()

    async def crash() -> None:
        raise RuntimeError("planted")

    await board.open()
    try:
        await clock.run_until(lambda: board.health().is_ready)
        await meanwhile(clock, board.define(work))
        handle = await meanwhile(clock, board.start(work))
        await clock.run_until(lambda: store.is_held)
        board._actors["job_store"]._actor_weakref().spawn(crash(), name="crash")
        await clock.advance(1)
        store.free.set()
        await clock.advance(30)
        run = await meanwhile(clock, board.get_run(handle.id))
    finally:
        store.free.set()
        await meanwhile(clock, board.close())
    assert (run.state, executions) == (RunState.SUCCEEDED, [1])
