"""Several nodes on the backfills of one trigger, and transactions that do not come about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

import pytest

from callboard.changes.backfills import (
    advance_backfill,
    create_backfill,
    pause_backfill,
    resume_backfill,
)
from callboard.changes.shards import hold_shards
from callboard.changes.slots import fire_slots
from callboard.changes.work import Work
from callboard.commands import (
    AdvanceBackfill,
    CreateBackfill,
    FireSlots,
    PauseBackfill,
    ResumeBackfill,
)
from callboard.domain.backfill import Backfill, NewBackfill
from callboard.domain.misfire import plan_slots
from callboard.domain.schedule import cron
from callboard.domain.trigger import (
    Action,
    MisfirePolicy,
    MisfirePolicyName,
    Trigger,
)
from callboard.store.contract import RunFilter, Store, Transaction
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.factories import NOW, make_trigger, stored_job, stored_scheduler
from support.rollback import rolled_back

HOUR = timedelta(hours=1)

NewTraceId = Callable[[], str]


@pytest.fixture
def new_trace_id() -> NewTraceId:
    numbers = count(1)
    return lambda: f"{next(numbers):032x}"


async def stored_hourly(store: Store, **changes: object) -> Trigger:
    await stored_job(store)
    async with store.begin() as tx:
        wanted = make_trigger(schedule=cron("0 * * * *"), **changes)
        [trigger] = await tx.insert_triggers([wanted])
    assert trigger is not None
    return trigger


async def created(store: Store, trace: NewTraceId, **changes: object) -> Backfill:
    """A backfill of the six hours before NOW, with room for all its slots."""
    values = {"trigger": "hourly", "from_at": NOW - 6 * HOUR, "until_at": NOW, **changes}
    new = NewBackfill(max_concurrent=100, overlap="allow", **values)  # type: ignore[arg-type]
    async with store.begin() as tx:
        return await create_backfill(Work(tx=tx, new_trace_id=trace), CreateBackfill(backfill=new))


async def advance(tx: Transaction, trace: NewTraceId, backfill: Backfill) -> bool:
    command = AdvanceBackfill(backfill_id=backfill.id, limit=1000)
    return await advance_backfill(Work(tx=tx, new_trace_id=trace), command)


async def slots_of_runs(store: Store) -> list[datetime]:
    runs = await store.list_runs(RunFilter(limit=1000))
    return sorted(run.slot for run in runs if run.slot is not None)


@on_databases
async def test_two_backfills_of_one_range_wait_for_each_other(
    store: Store, peer: Store, new_trace_id: NewTraceId
):
    """M11: whoever comes second sees what the first one fired."""
    await stored_hourly(store)
    one, two = await created(store, new_trace_id), await created(store, new_trace_id)

    async def second() -> None:
        async with peer.begin() as tx:
            await advance(tx, new_trace_id, two)

    async with store.begin() as tx:
        await advance(tx, new_trace_id, one)
        waiting = asyncio.ensure_future(second())
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
    await waiting
    assert await slots_of_runs(store) == [NOW - hours * HOUR for hours in range(6, 0, -1)]
    seen = [await store.get_backfill(each.id) for each in (one, two)]
    assert [(each.fired, each.skipped) for each in seen if each] == [(6, 0), (0, 6)]


@on_databases
async def test_a_backfill_that_another_node_advances_is_left_to_it(
    store: Store, peer: Store, new_trace_id: NewTraceId
):
    await stored_hourly(store)
    one = await created(store, new_trace_id)
    async with store.begin() as tx:
        await advance(tx, new_trace_id, one)
        async with peer.begin() as other:
            assert await advance(other, new_trace_id, one) is False
    assert len(await slots_of_runs(store)) == 6


@on_databases
async def test_many_nodes_fire_each_slot_of_many_backfills_once(
    store: Store, peer: Store, new_trace_id: NewTraceId
):
    await stored_hourly(store)
    backfills = [
        await created(store, new_trace_id, from_at=NOW - hours * HOUR) for hours in (24, 48, 36)
    ]

    async def advance_all(node: Store, order: list[Backfill]) -> None:
        for _ in range(3):
            for each in order:
                async with node.begin() as tx:
                    await advance(tx, new_trace_id, each)

    await asyncio.gather(
        advance_all(store, backfills), advance_all(peer, list(reversed(backfills)))
    )
    assert await slots_of_runs(store) == [NOW - hours * HOUR for hours in range(48, 0, -1)]


@on_databases
async def test_the_scheduler_and_a_backfill_never_fire_the_same_slot(
    store: Store, peer: Store, clock: VirtualClock, new_trace_id: NewTraceId
):
    """The backfill stops before slots that wait for the scheduler, and sees what it decided."""
    fire_all = MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL)
    trigger = await stored_hourly(store, misfire=fire_all, next_slot=NOW - 3 * HOUR)
    one = await created(store, new_trace_id)

    async def backfill() -> None:
        async with peer.begin() as tx:
            await advance(tx, new_trace_id, one)

    scheduler = await stored_scheduler(store)
    async with store.begin() as tx:
        plan = plan_slots(trigger, clock.now() - timedelta(microseconds=1))
        work = Work(tx=tx, new_trace_id=new_trace_id)
        command = FireSlots(epoch=scheduler.epoch, plans=(plan,))
        await hold_shards(work, [command])
        assert await fire_slots(work, [command]) == [(True,)]
        waiting = asyncio.ensure_future(backfill())
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
    await waiting
    assert await slots_of_runs(store) == [NOW - hours * HOUR for hours in range(6, 0, -1)]


async def test_what_was_not_committed_is_done_again(store: Store, new_trace_id: NewTraceId):
    """As after kill -9 at any point of the transaction."""
    await stored_hourly(store, actions=(Action(job="report"), Action(job="report")))
    one = await created(store, new_trace_id)
    async with rolled_back(store) as tx:
        await advance(tx, new_trace_id, one)
    assert await slots_of_runs(store) == []
    assert await store.get_backfill(one.id) == one
    async with store.begin() as tx:
        await advance(tx, new_trace_id, one)
    assert len(await slots_of_runs(store)) == 12
    seen = await store.get_backfill(one.id)
    assert seen is not None
    assert (seen.fired, seen.live) == (6, 6)


async def test_changes_of_one_transaction_are_told_once(store: Store, new_trace_id: NewTraceId):
    await stored_hourly(store)
    one, two = await created(store, new_trace_id), await created(store, new_trace_id)
    async with store.begin() as tx:
        work = Work(tx=tx, new_trace_id=new_trace_id)
        await pause_backfill(work, PauseBackfill(backfill_id=one.id))
        await pause_backfill(work, PauseBackfill(backfill_id=two.id))
        resumed = await resume_backfill(work, ResumeBackfill(backfill_id=one.id))
        await resume_backfill(work, ResumeBackfill(backfill_id=one.id))
    told = [(each.patch["id"], each.patch["state"]) for each in work.records]
    assert told == [(one.id, "running"), (two.id, "paused")]
    assert work.records[0].patch["version"] == resumed.version == 3
    assert work.runs == [None, None]
