"""Queued runs that may not wait for ever: who is overdue, and when the next one is."""

from __future__ import annotations

import pytest

from callboard.domain.run import HELD
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import RunState
from callboard.store.contract import Store
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.factories import (
    after,
    changed_run,
    ended_run,
    stored_job,
    stored_node,
    stored_run,
    stored_runs,
    the_run,
)


async def overdue(store: Store, limit: int = 100) -> list[int]:
    async with store.begin() as tx:
        return [run.id for run in await tx.lock_overdue_runs(limit)]


def start_by(seconds: float) -> RunTerms:
    return RunTerms(start_by=after(seconds))


async def test_most_runs_wait_as_long_as_they_have_to(store: Store, clock: VirtualClock) -> None:
    job = await stored_job(store)
    await stored_run(store, job)
    await stored_run(store, job, terms=RunTerms(priority=5))
    await clock.advance(10**6)
    assert await overdue(store) == []
    assert await store.next_overdue_s() is None


async def test_a_run_is_overdue_from_its_instant_on(store: Store, clock: VirtualClock) -> None:
    run = await stored_run(store, await stored_job(store), terms=start_by(5))
    assert await store.next_overdue_s() == pytest.approx(5)
    assert await overdue(store) == []
    await clock.advance(5)
    assert await overdue(store) == [run.id]
    await clock.advance(2)
    assert await store.next_overdue_s() == pytest.approx(-2)


@pytest.mark.parametrize(
    "terms",
    [
        RunTerms(start_by=after(9), chain_until=after(5)),
        RunTerms(start_by=after(5), chain_until=after(9)),
        RunTerms(chain_until=after(5)),
    ],
)
async def test_the_first_of_its_times_counts(
    store: Store, clock: VirtualClock, terms: RunTerms
) -> None:
    run = await stored_run(store, await stored_job(store), terms=terms)
    assert await store.next_overdue_s() == pytest.approx(5)
    await clock.advance(5)
    assert await overdue(store) == [run.id]


async def test_the_first_ones_come_first(store: Store, clock: VirtualClock) -> None:
    job = await stored_job(store)
    late = await stored_run(store, job, terms=start_by(3))
    early = await stored_run(store, job, terms=start_by(1))
    await stored_run(store, job, terms=start_by(50))
    await clock.advance(10)
    assert await overdue(store) == [early.id, late.id]
    assert await overdue(store, limit=1) == [early.id]


async def test_a_run_that_is_held_is_overdue_when_its_chain_is(
    store: Store, clock: VirtualClock
) -> None:
    terms = RunTerms(chain_until=after(5))
    run = await stored_run(store, await stored_job(store), due_at=HELD, terms=terms)
    await clock.advance(5)
    assert await overdue(store) == [run.id]


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.STOPPING, RunState.PARKED])
async def test_only_runs_that_wait_are_overdue(
    store: Store, clock: VirtualClock, state: RunState
) -> None:
    node = await stored_node(store)
    run = await stored_run(store, await stored_job(store), terms=start_by(1))
    held = {"node": node.name, "epoch": node.epoch, "started_at": after(0)}
    changes = {} if state is RunState.PARKED else held
    await changed_run(store, run, state=state, **changes)
    await clock.advance(10)
    assert await overdue(store) == []
    assert await store.next_overdue_s() is None


async def test_the_time_of_a_run_that_is_queued_again_is_the_new_one(
    store: Store, clock: VirtualClock
) -> None:
    run = await stored_run(store, await stored_job(store), terms=start_by(1))
    await changed_run(store, run, terms=start_by(20))
    await clock.advance(10)
    assert await overdue(store) == []
    assert await store.next_overdue_s() == pytest.approx(10)


async def test_an_overdue_run_ends_as_timed_out(store: Store, clock: VirtualClock) -> None:
    run = await stored_run(store, await stored_job(store), terms=start_by(1))
    await clock.advance(1)
    ended = await ended_run(store, run, RunState.TIMED_OUT)
    assert await the_run(store, run.id) == ended
    assert ended.state is RunState.TIMED_OUT
    assert await overdue(store) == []


@on_databases
async def test_what_others_have_in_hand_is_passed_over(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    first, second = await stored_runs(store, await stored_job(store), 2, terms=start_by(1))
    await clock.advance(1)
    async with store.begin() as tx:
        assert [run.id for run in await tx.lock_overdue_runs(1)] == [first.id]
        assert await overdue(peer) == [second.id]
