"""Backfills and the slots that they fired."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from callboard.domain.backfill import Backfill, BackfilledSlot, BackfillState
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.states import RunState
from callboard.errors import StoreError
from callboard.store.contract import BackfillFilter, Cutoffs, Store
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.factories import (
    NOW,
    after,
    ended_run,
    make_entry,
    make_stretch,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    stored_trigger,
)
from support.rollback import rolled_back

DAY = timedelta(days=1)


def make_backfill(**changes: Any) -> Backfill:
    """Of the day before NOW, for the trigger 1, not stored."""
    values = {
        "group": "default",
        "trigger": "hourly",
        "trigger_id": 1,
        "from_at": NOW - DAY,
        "until_at": NOW,
        "cursor_at": NOW - DAY,
        "slots_total": 24,
        **changes,
    }
    return Backfill(**values)


async def stored_backfill(store: Store, **changes: Any) -> Backfill:
    async with store.begin() as tx:
        return await tx.insert_backfill(make_backfill(**changes))


async def fired(store: Store, backfill: Backfill, *slots: datetime, run_id: int = 1) -> None:
    async with store.begin() as tx:
        await tx.insert_backfilled_slots([make_slot(backfill, slot, run_id) for slot in slots])


def make_slot(backfill: Backfill, slot: datetime, run_id: int = 1) -> BackfilledSlot:
    return BackfilledSlot(
        trigger_id=backfill.trigger_id,
        slot=slot,
        backfill_id=backfill.id,
        run_ids=(run_id, run_id + 1),
        fired_at=NOW,
    )


async def updated(store: Store, backfill: Backfill, **changes: Any) -> Backfill:
    async with store.begin() as tx:
        locked = await tx.lock_backfill(backfill.id)
        assert locked is not None
        return await tx.update_backfill(replace(locked, **changes))


async def test_a_stored_backfill_is_found(store: Store, clock: VirtualClock) -> None:
    wanted = make_backfill(force=True, overlap="allow", max_concurrent=3)
    stored = await stored_backfill(store, force=True, overlap="allow", max_concurrent=3)
    now = clock.now()
    assert stored == replace(wanted, id=stored.id, version=1, created_at=now, updated_at=now)
    assert await store.get_backfill(stored.id) == stored
    assert await store.get_backfill(stored.id + 1) is None


async def test_a_backfill_may_be_ended_from_the_start(store: Store) -> None:
    stored = await stored_backfill(store, state=BackfillState.COMPLETED, ended_at=NOW)
    assert await store.get_backfill(stored.id) == stored
    assert await store.open_backfills() == {}


async def test_an_update_counts_the_version(store: Store, clock: VirtualClock) -> None:
    stored = await stored_backfill(store)
    await clock.advance(60)
    changes: dict[str, Any] = {
        "state": BackfillState.CANCELLED,
        "reason": "because",
        "cursor_at": NOW,
        "fired": 5,
        "skipped": 4,
        "succeeded": 3,
        "failed": 2,
        "ended_at": after(60),
    }
    changed = await updated(store, stored, **changes)
    assert changed == replace(stored, **changes, version=2, updated_at=clock.now())
    assert await store.get_backfill(stored.id) == changed


async def test_a_rolled_back_backfill_was_never_there(store: Store) -> None:
    kept = await stored_backfill(store)
    async with rolled_back(store) as tx:
        other = await tx.insert_backfill(make_backfill())
        await tx.update_backfill(replace(kept, fired=1))
        await tx.insert_backfilled_slots([make_slot(kept, NOW - DAY)])
    assert await store.list_backfills(BackfillFilter()) == [kept]
    assert await store.get_backfill(other.id) is None
    assert await store.open_backfills() == {kept.id: 1}


async def test_backfills_are_listed_newest_first_by_every_condition(store: Store) -> None:
    one = await stored_backfill(store)
    two = await stored_backfill(store, trigger="daily", trigger_id=2)
    three = await stored_backfill(store, group="other")
    two = await updated(store, two, state=BackfillState.PAUSED)

    async def listed(**conditions: Any) -> list[Backfill]:
        return await store.list_backfills(BackfillFilter(**conditions))

    assert await listed() == [three, two, one]
    assert await listed(limit=1) == [three]
    assert await listed(before_id=three.id) == [two, one]
    assert await listed(group="default") == [two, one]
    assert await listed(group="default", before_id=two.id) == [one]
    assert await listed(trigger="hourly") == [three, one]
    assert await listed(group="default", trigger="hourly") == [one]
    assert await listed(state="paused") == [two]
    assert await listed(group="default", state="running") == [one]


async def test_open_ones_have_not_ended_or_have_an_open_firing(store: Store) -> None:
    running = await stored_backfill(store, trigger_id=1)
    paused = await stored_backfill(store, trigger_id=2, state=BackfillState.PAUSED)
    ended = {"state": BackfillState.CANCELLED, "ended_at": NOW}
    unsettled = await updated(store, await stored_backfill(store, trigger_id=3), **ended)
    await updated(store, await stored_backfill(store, trigger_id=4), **ended)
    await fired(store, unsettled, NOW - DAY)
    open_ones = {running.id: 1, paused.id: 2, unsettled.id: 3}
    assert list((await store.open_backfills()).items()) == list(open_ones.items())
    async with store.begin() as tx:
        await tx.end_firings(unsettled.id, [NOW - DAY])
    assert await store.open_backfills() == {running.id: 1, paused.id: 2}


async def test_firings_are_open_until_they_are_ended(store: Store, clock: VirtualClock) -> None:
    one, two = await stored_backfill(store), await stored_backfill(store)
    await fired(store, one, after(-60), after(-120), run_id=10)
    await fired(store, two, after(-60), run_id=20)
    await clock.advance(5)
    async with store.begin() as tx:
        first, second = await tx.open_firings(one.id)
        assert first == make_slot(one, after(-120), 10)
        assert second == make_slot(one, after(-60), 10)
        await tx.end_firings(one.id, [after(-60)])
        assert await tx.open_firings(one.id) == [first]
    slots = await store.read_backfilled_slots(1, since=after(-120), until=NOW, limit=9)
    assert slots == [first, replace(second, ended_at=clock.now()), make_slot(two, after(-60), 20)]


async def test_backfilled_slots_are_read_from_a_half_open_range(store: Store) -> None:
    """M12"""
    one = await stored_backfill(store)
    await fired(store, one, after(0), after(1), after(2))
    slots = await store.read_backfilled_slots(1, since=after(0), until=after(2), limit=9)
    assert [each.slot for each in slots] == [after(0), after(1)]
    assert len(await store.read_backfilled_slots(1, since=after(0), until=after(2), limit=1)) == 1
    assert await store.read_backfilled_slots(2, since=after(0), until=after(2), limit=9) == []


async def test_a_backfill_fires_a_slot_once(store: Store) -> None:
    one, two = await stored_backfill(store), await stored_backfill(store)
    await fired(store, one, NOW)
    await fired(store, two, NOW)
    with pytest.raises(StoreError):
        await fired(store, one, NOW)


async def test_slots_fired_by_the_ledger_or_a_backfill_are_known(store: Store) -> None:
    """M11: in any generation; skipped ones did not fire."""
    trigger = await stored_trigger(store)
    one = await stored_backfill(store, trigger_id=trigger.id)
    await fired(store, one, after(4), after(9))
    skipped = {"decision": Decision.SKIPPED, "reason": SkipReason.OVERLAP}
    async with store.begin() as tx:
        await tx.insert_ledger(
            [
                make_entry(trigger, after(0)),
                make_entry(trigger, after(1), generation=7),
                make_entry(trigger, after(2), **skipped),
                make_stretch(trigger, after(-3), after(3), 4),
                make_entry(trigger, after(3)),
                make_entry(trigger, after(9)),
            ]
        )
        assert await tx.fired_slots(trigger.id, after(0), after(9)) == {
            after(0),
            after(1),
            after(3),
            after(4),
        }
        assert await tx.fired_slots(trigger.id + 1, after(0), after(9)) == set()


async def test_a_chain_has_its_retries_live_and_ended(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    first = await running_run(store, job, node)
    await ended_run(store, first, RunState.FAILED)
    again = {"chain_id": first.id, "previous_run_id": first.id}
    second = await running_run(store, job, node, **again)
    await ended_run(store, second, RunState.TIMED_OUT)
    third = await stored_run(store, job, **again)
    other = await stored_run(store, job)
    async with store.begin() as tx:
        chains = await tx.chain_states([first.id, other.id, 999_999])
        assert await tx.chain_states([]) == {}
    assert chains == {
        first.id: {
            first.id: RunState.FAILED,
            second.id: RunState.TIMED_OUT,
            third.id: RunState.QUEUED,
        },
        other.id: {other.id: RunState.QUEUED},
    }
    assert list(chains[first.id]) == [first.id, second.id, third.id]


async def test_backfills_are_pruned_with_their_slots_by_the_cutoff_of_the_ledger(
    store: Store,
) -> None:
    ended: dict[str, Any] = {"state": BackfillState.COMPLETED}
    old = await updated(store, await stored_backfill(store), **ended, ended_at=after(9))
    new = await updated(store, await stored_backfill(store), **ended, ended_at=after(10))
    running = await stored_backfill(store)
    for one in (old, new, running):
        await fired(store, one, after(-3), after(-2), after(-1))
    assert (await store.prune(Cutoffs(ledger=None)))["backfills"] == 0
    removed = await store.prune(Cutoffs(ledger=after(10), limit=2))
    assert (removed["backfilled_slots"], removed["backfills"]) == (2, 0)
    removed = await store.prune(Cutoffs(ledger=after(10), limit=2))
    assert (removed["backfilled_slots"], removed["backfills"]) == (1, 1)
    assert await store.list_backfills(BackfillFilter()) == [running, new]
    slots = await store.read_backfilled_slots(1, since=after(-9), until=NOW, limit=99)
    assert {each.backfill_id for each in slots} == {new.id, running.id}


@on_databases
async def test_a_locked_backfill_is_waited_for_or_passed_over(store: Store, peer: Store) -> None:
    backfill = await stored_backfill(store)

    async def lock() -> Backfill | None:
        async with peer.begin() as tx:
            return await tx.lock_backfill(backfill.id)

    async with store.begin() as tx:
        assert await tx.lock_backfill(backfill.id, skip_locked=True) == backfill
        async with peer.begin() as other:
            assert await other.lock_backfill(backfill.id, skip_locked=True) is None
        waiting = asyncio.ensure_future(lock())
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        changed = await tx.update_backfill(replace(backfill, fired=1))
    assert await waiting == changed
