"""Live firings of triggers: one trace each, held or not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from callboard.domain.job import Job
from callboard.domain.overlap import Firing
from callboard.domain.run import HELD, Run
from callboard.domain.schedule import Delay
from callboard.domain.states import RunState
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName, Trigger, TriggerState
from callboard.store.contract import Store
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.factories import (
    NOW,
    after,
    changed_run,
    claimed_runs,
    ended_run,
    make_plan,
    stored_job,
    stored_node,
    stored_run,
    stored_trigger,
    the_run,
)

ONE = "1" * 32
TWO = "2" * 32


async def firings(store: Store, *trigger_ids: int) -> list[Firing]:
    async with store.begin() as tx:
        return await tx.live_firings(trigger_ids)


async def fired(store: Store, job: Job, trace_id: str = ONE, **changes: Any) -> Run:
    values = {"trigger_id": 7, "trigger": "hourly", "trace_id": trace_id, **changes}
    return await stored_run(store, job, **values)


async def stalled(store: Store, limit: int = 100) -> list[int]:
    async with store.begin() as tx:
        return await tx.stalled_triggers(limit)


async def test_runs_of_one_trace_are_one_firing(store: Store) -> None:
    job = await stored_job(store)
    first = await fired(store, job, slot=after(-60))
    second = await fired(store, job, TWO)
    third = await fired(store, job, slot=after(-60))
    assert await firings(store, 7) == [
        Firing(trigger_id=7, trace_id=ONE, run_ids=(first.id, third.id), since=after(-60)),
        Firing(trigger_id=7, trace_id=TWO, run_ids=(second.id,), since=NOW),
    ]


async def test_a_firing_is_live_until_its_last_run_has_ended(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await fired(store, job)
    await fired(store, job)
    first, second = await claimed_runs(store, node)
    await ended_run(store, first)
    assert [firing.run_ids for firing in await firings(store, 7)] == [(second.id,)]
    await ended_run(store, second)
    assert await firings(store, 7) == []


async def test_parked_runs_do_not_count(store: Store) -> None:
    job = await stored_job(store)
    run = await fired(store, job)
    await changed_run(store, run, state=RunState.PARKED)
    assert await firings(store, 7) == []


async def test_a_firing_is_held_when_all_its_runs_are(store: Store) -> None:
    job = await stored_job(store)
    await fired(store, job, due_at=HELD)
    await fired(store, job, TWO, due_at=HELD)
    await fired(store, job, TWO)
    assert [firing.is_held for firing in await firings(store, 7)] == [True, False]


async def test_a_retry_counts_from_when_somebody_asked_for_it(store: Store) -> None:
    job = await stored_job(store)
    await fired(store, job, slot=after(-3600), attempt=2)
    assert [firing.since for firing in await firings(store, 7)] == [NOW]


async def test_firings_of_other_triggers_are_left_out(store: Store) -> None:
    job = await stored_job(store)
    for trigger_id, trace_id in ((7, ONE), (8, TWO), (9, ONE)):
        await fired(store, job, trace_id, trigger_id=trigger_id)
    await stored_run(store, job)
    assert [firing.trigger_id for firing in await firings(store, 9, 7)] == [7, 9]
    assert await firings(store) == []


@pytest.mark.parametrize("limit", [None, 1])
async def test_a_held_run_is_never_due(
    store: Store, clock: VirtualClock, limit: int | None
) -> None:
    job, node = await stored_job(store, max_concurrent_runs=limit), await stored_node(store)
    run = await fired(store, job, due_at=HELD)
    assert (await the_run(store, run.id)).is_held
    assert await claimed_runs(store, node) == []
    assert not await store.has_due_runs()
    assert await store.next_due_at() is None
    await fired(store, job, TWO, due_at=after(5))
    assert await store.next_due_at() == after(5)


async def test_a_released_run_is_claimed(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await fired(store, job, due_at=HELD)
    await changed_run(store, run, due_at=NOW)
    assert [each.id for each in await claimed_runs(store, node)] == [run.id]


async def test_of_some_runs_the_held_ones_are_locked(store: Store) -> None:
    job = await stored_job(store)
    held = await fired(store, job, due_at=HELD)
    due = await fired(store, job)
    async with store.begin() as tx:
        assert await tx.lock_held_runs([due.id, held.id, 4711]) == [held]
        assert await tx.lock_held_runs([]) == []


@on_databases
async def test_a_held_run_that_another_has_locked_is_passed_over(store: Store, peer: Store) -> None:
    job = await stored_job(store)
    first = await fired(store, job, due_at=HELD)
    second = await fired(store, job, TWO, due_at=HELD)
    async with store.begin() as mine, peer.begin() as theirs:
        await mine.lock_runs([first.id])
        assert await theirs.lock_held_runs([first.id, second.id]) == [second]


def overlapping(policy: OverlapPolicyName) -> dict[str, Any]:
    return {"overlap": OverlapPolicy(policy=policy)}


async def locked_ids(
    store: Store, ids: Sequence[int], *, if_sequenced: Sequence[int] = ()
) -> list[int]:
    async with store.begin() as tx:
        return list(await tx.lock_triggers_by_id(ids, if_sequenced=if_sequenced))


async def test_triggers_are_locked_by_id_as_they_are(store: Store) -> None:
    one, two = await stored_trigger(store, "one"), await stored_trigger(store, "two")
    async with store.begin() as tx:
        found = await tx.lock_triggers_by_id([two.id, 4711, one.id])
    assert found == {one.id: one, two.id: two}


async def test_triggers_are_locked_by_name_as_they_are(store: Store) -> None:
    one, two = await stored_trigger(store, "one"), await stored_trigger(store, "two")
    names = [("default", "two"), ("default", "none"), ("other", "one"), ("default", "one")]
    async with store.begin() as tx:
        assert await tx.lock_triggers_by_name([]) == {}
        found = await tx.lock_triggers_by_name(names)
    assert found == {("default", "one"): one, ("default", "two"): two}


async def test_triggers_are_locked_where_the_end_of_their_runs_means_something(
    store: Store,
) -> None:
    stored: dict[str, Trigger] = {}
    for policy in OverlapPolicyName:
        stored[policy] = await stored_trigger(store, policy, **overlapping(policy))
    stored["delay"] = await stored_trigger(store, "delay", schedule=Delay(after_s=60.0))
    ids = [trigger.id for trigger in stored.values()]
    sequenced = [stored[each].id for each in stored if each not in ("allow", "skip")]
    assert await locked_ids(store, [], if_sequenced=ids) == sequenced
    skip = stored["skip"].id
    assert await locked_ids(store, [skip], if_sequenced=ids) == sorted([skip, *sequenced])
    assert await locked_ids(store, []) == []


@on_databases
@pytest.mark.parametrize("policy", OverlapPolicyName)
async def test_live_runs_are_locked_of_triggers_that_stop_old_ones(
    store: Store, peer: Store, policy: OverlapPolicyName
) -> None:
    job = await stored_job(store)
    trigger = await stored_trigger(store, **overlapping(policy))
    run = await fired(store, job, trigger_id=trigger.id)

    async def lock() -> None:
        async with peer.begin() as tx:
            await tx.lock_old_runs([("default", "hourly"), ("default", "gone")])

    async with store.begin() as tx:
        await tx.lock_runs([run.id])
        locking = asyncio.ensure_future(lock())
        await asyncio.wait([locking], timeout=0.1)
        waits = not locking.done()
    await locking
    assert waits == (policy in (OverlapPolicyName.CANCEL_OLD, OverlapPolicyName.KILL_OLD))


@on_databases
async def test_further_runs_are_locked_with_them(store: Store, peer: Store) -> None:
    job = await stored_job(store)
    run = await stored_run(store, job)

    async def lock() -> None:
        async with peer.begin() as tx:
            await tx.lock_runs([run.id])

    async with store.begin() as tx:
        await tx.lock_old_runs([], [run.id, 4711])
        locking = asyncio.ensure_future(lock())
        await asyncio.wait([locking], timeout=0.1)
        assert not locking.done()
    await locking


async def test_a_trigger_is_stalled_when_all_its_firings_are_held(store: Store) -> None:
    job = await stored_job(store)
    await fired(store, job, due_at=HELD)
    await fired(store, job, TWO, due_at=HELD)
    live = await fired(store, job, trigger_id=8)
    await fired(store, job, TWO, trigger_id=8, due_at=HELD)
    assert await stalled(store) == [7]
    await changed_run(store, live, state=RunState.PARKED)
    assert await stalled(store) == [7, 8]
    assert await stalled(store, limit=1) == [7]


async def test_a_trigger_of_a_job_with_a_limit_is_stalled_likewise(store: Store) -> None:
    job = await stored_job(store, max_concurrent_runs=1)
    await fired(store, job, due_at=HELD)
    assert await stalled(store) == [7]


async def test_a_delay_is_stalled_when_nothing_is_live_that_it_could_wait_for(
    store: Store,
) -> None:
    job, delay = await stored_job(store), Delay(after_s=60.0)
    idle = await stored_trigger(store, "idle", schedule=delay, next_slot=None)
    busy = await stored_trigger(store, "busy", schedule=delay, next_slot=None)
    await fired(store, job, trigger_id=busy.id)
    await stored_trigger(store, "armed", schedule=delay)
    paused = {"state": TriggerState.PAUSED, "next_slot": None}
    await stored_trigger(store, "paused", schedule=delay, **paused)
    await stored_trigger(store, "plain", next_slot=None)
    assert await stalled(store) == [idle.id]


async def test_firings_are_added_to_those_that_are_stored(store: Store) -> None:
    """A plan made from an older reading does not take back what was counted since."""
    trigger = await stored_trigger(store, firings=5)
    older = replace(trigger, firings=3)
    async with store.begin() as tx:
        assert await tx.advance_triggers([make_plan(older)]) == [True]
    stored = await store.get_trigger("default", "hourly")
    assert stored is not None
    assert stored.firings == 6
