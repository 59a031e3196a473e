"""Event triggers on real databases: several nodes tell and fire at once."""

from __future__ import annotations

import asyncio
from itertools import count

from callboard.changes.slots import store_plans
from callboard.changes.work import Work
from callboard.commands import TellEvent
from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.misfire import is_due, plan_slots
from callboard.domain.schedule import on_event
from callboard.domain.trigger import Trigger
from callboard.errors import TransactionConflict
from callboard.store.contract import RunFilter, Store
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.committing import Committing
from support.factories import NOW, after, stored_job, stored_trigger
from support.postgres_store import seen, someone_waits

pytestmark = on_databases

NUMBERS = count(1)
TELL = TellEvent(group="default", name="t")


async def listening(store: Store, batch_size: int) -> Trigger:
    await stored_job(store)
    schedule = on_event(batch_size=batch_size, window_s=60)
    return await stored_trigger(store, "t", schedule=schedule, next_slot=None)


async def present(store: Store) -> Trigger:
    trigger = await store.get_trigger("default", "t")
    assert trigger is not None
    return trigger


async def fire(store: Store, seen: Trigger, clock: VirtualClock) -> bool:
    """As a scheduler does that has seen the trigger like this; whether its plan was stored."""
    if not is_due(seen, clock.now()):
        return False
    plan = plan_slots(seen, clock.now())
    try:
        async with store.begin() as tx:
            work = Work(tx=tx, new_trace_id=lambda: f"{next(NUMBERS):032x}")
            (after_it,) = await store_plans(work, [plan])
    except TransactionConflict:
        return False
    return after_it is not None


async def entries(store: Store, trigger: Trigger) -> list[LedgerEntry]:
    return await store.read_ledger(trigger.id, since=NOW, until=after(10**6), limit=1000)


async def test_every_event_of_two_nodes_is_in_exactly_one_slot(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    """Two tell, two fire, nobody waits for anybody."""
    trigger, told = await listening(store, 3), 0
    await clock.advance(1)

    async def tell(of: Store) -> None:
        nonlocal told
        committing = Committing(of, clock)
        for _ in range(20):
            answers = await committing.commit(TELL, TELL)
            told += sum(isinstance(answer, Trigger) for answer in answers)

    async def schedule(of: Store) -> None:
        for _ in range(30):
            await fire(of, await present(of), clock)

    await asyncio.gather(tell(store), tell(peer), schedule(store), schedule(peer))
    await clock.advance(61)
    while await fire(store, await present(store), clock):
        await clock.advance(61)
    found = await entries(store, trigger)
    assert (await present(store)).gathered is None
    assert told == 80
    assert sum(entry.events or 0 for entry in found) == told
    assert {entry.decision for entry in found} == {Decision.FIRED}
    assert all(1 <= (entry.events or 0) <= 3 for entry in found)
    runs = await store.list_runs(RunFilter(trigger="t", limit=1000))
    assert {run.id for run in runs} == {run_id for entry in found for run_id in entry.run_ids}
    assert len(runs) == len(found)


async def test_of_two_nodes_that_fire_one_batch_one_does(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    trigger = await listening(store, 2)
    await clock.advance(1)
    await Committing(store, clock).commit(TELL, TELL)
    seen = await present(store)
    won = await asyncio.gather(fire(store, seen, clock), fire(peer, seen, clock))
    assert sorted(won) == [False, True]
    (entry,) = await entries(store, trigger)
    assert (entry.events, len(entry.run_ids)) == (2, 1)


async def test_a_scheduler_that_saw_less_fires_all_that_was_told(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    trigger = await listening(store, 2)
    await clock.advance(1)
    await Committing(store, clock).commit(TELL, TELL)
    seen = await present(store)
    await Committing(peer, clock).commit(TELL, TELL, TELL)
    assert await fire(store, seen, clock)
    assert [entry.events for entry in await entries(store, trigger)] == [2, 2]
    left = await present(store)
    assert left.gathered is not None
    assert (left.gathered.events, left.next_slot) == (1, after(61))


async def test_a_window_that_became_full_meanwhile_is_not_fired_twice(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    trigger = await listening(store, 2)
    await clock.advance(1)
    await Committing(store, clock).commit(TELL)
    seen = await present(store)
    await clock.advance(60)
    await Committing(peer, clock).commit(TELL)
    assert await fire(store, seen, clock)
    assert not await fire(peer, seen, clock)
    assert [entry.events for entry in await entries(store, trigger)] == [2]


async def test_nodes_that_are_told_of_the_same_triggers_do_not_hinder_each_other(
    backend: str, store: Store, peer: Store, clock: VirtualClock
) -> None:
    """In whatever order they are told: the triggers are locked in one order."""
    await stored_job(store)
    for name in ("first", "second"):
        await stored_trigger(store, name, schedule=on_event(batch_size=9), next_slot=None)
    first, second = (TellEvent(group="default", name=each) for each in ("first", "second"))
    async with store.begin() as tx:
        assert await tx.lock_trigger("default", "first") is not None
        telling = asyncio.ensure_future(Committing(peer, clock).commit(second, first, second))
        await seen(lambda: someone_waits(backend))
        assert await asyncio.wait_for(tx.lock_trigger("default", "second"), 10) is not None
    answers = await telling
    assert [each.gathered.events for each in answers] == [1, 1, 2]
