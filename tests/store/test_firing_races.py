"""Two transactions at one trigger: whoever comes second sees what the first one did.

Commands are applied as the job store applies them; the commits are put in an order by hand. Where a
transaction is held in the middle, it is where it has ended a run and not yet looked at the trigger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any, Final

import pytest

from callboard import commands as c
from callboard.changes import ends, sequence
from callboard.changes.apply import apply_all
from callboard.changes.work import Work
from callboard.domain.misfire import plan_slots
from callboard.domain.run import HELD, Run, StopMode
from callboard.domain.schedule import Delay
from callboard.domain.states import RunState
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName, Trigger
from callboard.store.contract import Store, Transaction
from support.backends import on_databases
from support.factories import (
    NOW,
    claimed_runs,
    make_end,
    stored_job,
    stored_node,
    stored_run,
    stored_scheduler,
    stored_trigger,
    the_run,
)
from support.rollback import rolled_back

pytestmark = on_databases

P = OverlapPolicyName
SEQUENCED = [P.BUFFER_ONE, P.BUFFER, P.CANCEL_OLD, P.KILL_OLD]
NUMBERS = count(1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)


def work_in(tx: Transaction) -> Work:
    return Work(tx=tx, new_trace_id=lambda: f"{next(NUMBERS):032x}")


async def committed(store: Store, *changes: c.Change) -> list[Any]:
    async with store.begin() as tx:
        return await apply_all(work_in(tx), changes)


async def begun(task: Awaitable[Any]) -> asyncio.Task[Any]:
    """The task, which had the time to come to a lock."""
    running = asyncio.ensure_future(task)
    await asyncio.wait([running], timeout=0.1)
    return running


def end(run: Run) -> c.EndRuns:
    return c.EndRuns(ended=(c.EndedRun(run=run, end=make_end(run)),))


async def due_trigger(store: Store, policy: P, **changes: Any) -> Trigger:
    """A trigger of the job `report` whose slot is now."""
    values = {"overlap": OverlapPolicy(policy=policy), "next_slot": NOW, **changes}
    return await stored_trigger(store, anchor_at=NOW - HOUR, **values)


async def running_firings(store: Store, trigger: Trigger, number: int = 1) -> list[Run]:
    """Runs of the trigger on a node, each of a firing of its own."""
    job, node = await stored_job(store), await stored_node(store)
    for _ in range(number):
        await fired(store, trigger, job)
    return await claimed_runs(store, node)


async def fired(store: Store, trigger: Trigger, job: Any, **changes: Any) -> Run:
    trace_id = f"{next(NUMBERS):032x}"
    values = {"trigger": trigger.name, "trigger_id": trigger.id, "trace_id": trace_id, **changes}
    return await stored_run(store, job, **values)


@pytest.fixture
async def epoch(store: Store) -> int:
    """Of the node that decides slots."""
    return (await stored_scheduler(store)).epoch


def slot_of(trigger: Trigger, epoch: int) -> c.FireSlots:
    return c.FireSlots(epoch=epoch, plans=(plan_slots(trigger, NOW),))


async def the_new_run(store: Store, trigger: Trigger) -> Run:
    (entry,) = await store.read_ledger(trigger.id, since=NOW, until=NOW + HOUR, limit=9)
    (run_id,) = entry.run_ids
    return await the_run(store, run_id)


async def stalled(store: Store) -> list[int]:
    async with store.begin() as tx:
        return await tx.stalled_triggers(99)


@pytest.mark.parametrize("policy", SEQUENCED)
async def test_a_slot_behind_the_end_of_the_last_run_is_not_held(
    store: Store, peer: Store, epoch: int, policy: P
) -> None:
    trigger = await due_trigger(store, policy)
    (run,) = await running_firings(store, trigger)
    async with store.begin() as tx:
        await apply_all(work_in(tx), [end(run)])
        firing = await begun(committed(peer, slot_of(trigger, epoch)))
        assert not firing.done()
    assert await firing == [(True,)]
    assert not (await the_new_run(store, trigger)).is_held
    assert await stalled(store) == []


@pytest.mark.parametrize("policy", SEQUENCED)
async def test_a_slot_before_the_end_of_the_last_run_is_released_by_it(
    store: Store, peer: Store, epoch: int, policy: P
) -> None:
    trigger = await due_trigger(store, policy)
    (run,) = await running_firings(store, trigger)
    async with store.begin() as tx:
        await apply_all(work_in(tx), [slot_of(trigger, epoch)])
        ending = await begun(committed(peer, end(run)))
        assert not ending.done()
    assert await ending == [frozenset({run.id})]
    assert not (await the_new_run(store, trigger)).is_held
    assert await stalled(store) == []


@pytest.mark.parametrize("policy", SEQUENCED)
async def test_a_slot_in_the_middle_of_the_end_of_the_last_run_is_not_forgotten(
    store: Store, peer: Store, epoch: int, policy: P
) -> None:
    """Between the end of the run and the look at the trigger: nobody waits for ever."""
    trigger = await due_trigger(store, policy)
    (run,) = await running_firings(store, trigger)
    async with store.begin() as tx:
        work = work_in(tx)
        await ends.end_runs(work, [end(run)])
        firing = await begun(committed(peer, slot_of(trigger, epoch)))
        # Who stops old runs waits for the run; the others do not, and hold theirs.
        if policy in (P.BUFFER_ONE, P.BUFFER):
            await asyncio.wait_for(asyncio.shield(firing), 30)
        assert firing.done() == (policy in (P.BUFFER_ONE, P.BUFFER))
        await sequence.follow_up(work)
    assert await firing == [(True,)]
    assert not (await the_new_run(store, trigger)).is_held
    assert await stalled(store) == []


async def test_of_two_that_end_the_last_two_runs_the_second_releases(
    store: Store, peer: Store, epoch: int
) -> None:
    trigger = await due_trigger(store, P.BUFFER)
    one, two = await running_firings(store, trigger, 2)
    await committed(store, slot_of(trigger, epoch))

    async def end_the_other(may_go_on: asyncio.Event) -> None:
        async with peer.begin() as tx:
            work = work_in(tx)
            await ends.end_runs(work, [end(two)])
            await may_go_on.wait()
            await sequence.follow_up(work)

    may_go_on = asyncio.Event()
    other = await begun(end_the_other(may_go_on))
    async with store.begin() as tx:
        await apply_all(work_in(tx), [end(one)])
        may_go_on.set()
        await asyncio.wait([other], timeout=0.1)
        assert not other.done()
    await other
    assert not (await the_new_run(store, trigger)).is_held


async def test_a_delay_begins_behind_the_second_of_two_ends(store: Store, peer: Store) -> None:
    trigger = await due_trigger(store, P.ALLOW, schedule=Delay(after_s=60.0), next_slot=None)
    one, two = await running_firings(store, trigger, 2)
    async with store.begin() as tx:
        await apply_all(work_in(tx), [end(one)])
        other = await begun(committed(peer, end(two)))
        assert not other.done()
    await other
    rearmed = await store.get_trigger("default", "hourly")
    assert rearmed is not None
    assert rearmed.next_slot == NOW + MINUTE


async def test_a_held_run_that_is_being_stopped_is_passed_over_for_the_next(
    store: Store, peer: Store
) -> None:
    trigger = await due_trigger(store, P.BUFFER)
    (run,) = await running_firings(store, trigger)
    job = await store.get_job("default", "report")
    first = await fired(store, trigger, job, due_at=HELD)
    second = await fired(store, trigger, job, due_at=HELD)
    async with store.begin() as tx:
        work = work_in(tx)
        stop = c.StopRun(run_id=first.id, mode=StopMode.COOPERATIVE, grace_s=1.0)
        await ends.stop_run(work, stop)
        await committed(peer, end(run))
        await sequence.follow_up(work)
    assert (await the_run(store, first.id)).state is RunState.STOPPED
    assert (await the_run(store, second.id)).due_at == NOW


async def test_a_held_run_whose_stop_came_to_nothing_is_released_by_the_sweep(
    store: Store, peer: Store
) -> None:
    trigger = await due_trigger(store, P.BUFFER)
    (run,) = await running_firings(store, trigger)
    held = await fired(store, trigger, await store.get_job("default", "report"), due_at=HELD)
    async with rolled_back(store) as tx:
        await tx.lock_runs([held.id])
        await committed(peer, end(run))
    assert await stalled(store) == [trigger.id]
    assert await committed(store, c.ReleaseHeld()) == [1]
    assert (await the_run(store, held.id)).due_at == NOW


async def test_a_policy_that_holds_from_now_on_waits_for_ends_that_it_was_no_matter_to(
    store: Store, peer: Store
) -> None:
    trigger = await due_trigger(store, P.ALLOW, next_slot=NOW + HOUR)
    (run,) = await running_firings(store, trigger)
    wanted = replace(trigger, overlap=OverlapPolicy(policy=P.BUFFER))
    async with store.begin() as tx:
        await apply_all(work_in(tx), [end(run)])
        editing = await begun(committed(peer, c.ReplaceTrigger(trigger=wanted)))
        assert not editing.done()
    await editing
    (again,) = await committed(store, c.FireTrigger(group="default", name="hourly"))
    assert [each.is_held for each in again] == [False]


async def test_ends_behind_such_an_edit_release(store: Store, peer: Store) -> None:
    trigger = await due_trigger(store, P.ALLOW, next_slot=NOW + HOUR)
    (run,) = await running_firings(store, trigger)
    wanted = replace(trigger, overlap=OverlapPolicy(policy=P.BUFFER))
    fire = c.FireTrigger(group="default", name="hourly")
    async with store.begin() as tx:
        _, (held,) = await apply_all(work_in(tx), [c.ReplaceTrigger(trigger=wanted), fire])  # type: ignore[misc]
        ending = await begun(committed(peer, end(run)))
        assert not ending.done()
    await ending
    assert (await the_run(store, held.id)).due_at == NOW


@pytest.mark.parametrize("policy", SEQUENCED)
async def test_slots_and_ends_that_meet_in_two_transactions_do_not_deadlock(
    store: Store, peer: Store, epoch: int, policy: P
) -> None:
    """Each ends a run of the one trigger and decides a slot of the other."""
    job, node = await stored_job(store), await stored_node(store)
    values = {
        "overlap": OverlapPolicy(policy=P.CANCEL_OLD),
        "next_slot": NOW,
        "anchor_at": NOW - HOUR,
    }
    one, two = [await stored_trigger(store, name, **values) for name in ("one", "two")]
    await fired(store, one, job)
    await fired(store, two, job)
    first, second = await claimed_runs(store, node)
    async with store.begin() as tx:
        await apply_all(work_in(tx), [end(first), slot_of(two, epoch)])
        other = await begun(committed(peer, slot_of(one, epoch), end(second)))
        assert not other.done()
    assert await other == [(True,), frozenset({second.id})]
    assert await stalled(store) == []
    assert [run.is_held for run in await claimed_runs(store, node)] == [False, False]
