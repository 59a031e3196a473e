"""The ledger: one entry a slot, read by stretch of time."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.errors import LedgerConflict
from callboard.store.contract import Store
from support.factories import NOW, after, make_entry, make_stretch, stored_trigger


async def insert(store: Store, *entries: LedgerEntry) -> None:
    async with store.begin() as tx:
        await tx.insert_ledger(entries)


async def slots(
    store: Store, trigger_id: int, since: float, until: float, limit: int = 99
) -> list[datetime]:
    entries = await store.read_ledger(
        trigger_id, since=after(since), until=after(until), limit=limit
    )
    return [entry.slot for entry in entries]


async def test_an_entry_comes_back_with_every_field(store: Store) -> None:
    trigger = await stored_trigger(store)
    fired = make_entry(trigger, after(0.000001), run_ids=(7, 5, 9), decided_at=after(1.5))
    skipped = replace(
        make_stretch(trigger, after(60), after(6000), 100), reason=SkipReason.COALESCED
    )
    await insert(store, fired, skipped)
    entries = await store.read_ledger(trigger.id, since=NOW, until=after(10**6), limit=9)
    assert entries == [fired, skipped]


@pytest.mark.parametrize("reason", SkipReason)
async def test_every_reason_can_be_stored(store: Store, reason: SkipReason) -> None:
    trigger = await stored_trigger(store)
    entry = make_entry(trigger, NOW, decision=Decision.SKIPPED, reason=reason)
    await insert(store, entry)
    assert await store.read_ledger(trigger.id, since=NOW, until=after(1), limit=9) == [entry]


async def test_a_slot_is_decided_once(store: Store) -> None:
    trigger = await stored_trigger(store)
    first = make_entry(trigger, NOW, run_ids=(1,))
    await insert(store, first)
    with pytest.raises(LedgerConflict):
        await insert(store, make_entry(trigger, NOW, run_ids=(2,)))
    assert await store.read_ledger(trigger.id, since=NOW, until=after(1), limit=9) == [first]


async def test_a_slot_is_decided_once_within_one_call(store: Store) -> None:
    trigger = await stored_trigger(store)
    with pytest.raises(LedgerConflict):
        await insert(store, make_entry(trigger, NOW), make_entry(trigger, NOW))
    assert await slots(store, trigger.id, 0, 1) == []


async def test_another_generation_or_trigger_has_slots_of_its_own(store: Store) -> None:
    first, second = await stored_trigger(store, "a"), await stored_trigger(store, "b")
    await insert(store, make_entry(first, NOW), make_entry(second, NOW))
    await insert(store, make_entry(first, NOW, generation=2))
    assert await slots(store, first.id, 0, 1) == [NOW, NOW]
    assert await slots(store, second.id, 0, 1) == [NOW]


async def test_of_two_decisions_of_a_slot_at_the_same_moment_one_succeeds(
    store: Store, peer: Store
) -> None:
    trigger = await stored_trigger(store)
    results = await asyncio.gather(
        insert(store, make_entry(trigger, NOW)),
        insert(peer, make_entry(trigger, NOW)),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["LedgerConflict", "NoneType"]
    assert await slots(store, trigger.id, 0, 1) == [NOW]


async def test_no_entries_are_no_entries(store: Store) -> None:
    await insert(store)


async def test_entries_are_read_in_the_order_of_their_slots(store: Store) -> None:
    trigger = await stored_trigger(store)
    for slot in (30, 10, 20):
        await insert(store, make_entry(trigger, after(slot)))
    assert await slots(store, trigger.id, 0, 60) == [after(10), after(20), after(30)]


async def test_generations_are_read_together(store: Store) -> None:
    trigger = await stored_trigger(store)
    await insert(
        store,
        make_entry(trigger, after(10), generation=2),
        make_entry(trigger, after(20), generation=1),
        make_entry(trigger, after(10), generation=1),
    )
    entries = await store.read_ledger(trigger.id, since=NOW, until=after(60), limit=9)
    assert [(entry.slot, entry.generation) for entry in entries] == [
        (after(10), 1),
        (after(10), 2),
        (after(20), 1),
    ]


async def test_the_stretch_of_time_begins_inclusive_and_ends_exclusive(store: Store) -> None:
    trigger = await stored_trigger(store)
    await insert(store, *(make_entry(trigger, after(slot)) for slot in (10, 20, 30)))
    assert await slots(store, trigger.id, 10, 30) == [after(10), after(20)]
    assert await slots(store, trigger.id, 10.000001, 30.000001) == [after(20), after(30)]
    assert await slots(store, trigger.id, 10, 10) == []


async def test_a_range_entry_is_read_wherever_it_touches(store: Store) -> None:
    trigger = await stored_trigger(store)
    await insert(
        store, make_stretch(trigger, after(100), after(200), 11), make_entry(trigger, after(210))
    )
    assert await slots(store, trigger.id, 0, 100) == []
    assert await slots(store, trigger.id, 0, 100.000001) == [after(100)]
    assert await slots(store, trigger.id, 150, 160) == [after(100)]
    assert await slots(store, trigger.id, 200, 300) == [after(100), after(210)]
    assert await slots(store, trigger.id, 200.000001, 300) == [after(210)]


async def test_a_long_range_is_found_behind_many_shorter_ones(store: Store) -> None:
    trigger = await stored_trigger(store)
    await insert(store, make_stretch(trigger, after(0), after(10_000), 101))
    other = make_stretch(trigger, after(5), after(20), 2)
    await insert(store, replace(other, generation=2))
    await insert(store, *(make_entry(trigger, after(n), generation=3) for n in range(6, 30)))
    assert await slots(store, trigger.id, 9000, 9001) == [after(0)]
    assert await slots(store, trigger.id, 20, 21) == [after(0), after(5), after(20)]


async def test_reading_ends_at_the_limit(store: Store) -> None:
    trigger = await stored_trigger(store)
    await insert(store, make_stretch(trigger, after(-100), after(100), 3))
    await insert(store, *(make_entry(trigger, after(n), generation=2) for n in range(5)))
    assert await slots(store, trigger.id, 0, 60, limit=3) == [after(-100), after(0), after(1)]


async def test_a_trigger_without_entries_has_none(store: Store) -> None:
    assert await slots(store, 4711, 0, 60) == []


async def test_a_year_of_slots_is_read_page_by_page(store: Store) -> None:
    trigger = await stored_trigger(store)
    every_day = [NOW + timedelta(days=day) for day in range(365)]
    await insert(store, *(make_entry(trigger, slot) for slot in every_day))
    read: list[datetime] = []
    since = NOW
    while page := await store.read_ledger(trigger.id, since=since, until=after(10**9), limit=100):
        read += [entry.slot for entry in page]
        since = page[-1].slot + timedelta(microseconds=1)
    assert read == every_day


async def backwards(
    store: Store, trigger_id: int, since: float, until: float, limit: int = 100
) -> list[datetime]:
    entries = await store.read_ledger(
        trigger_id, since=after(since), until=after(until), limit=limit, newest_first=True
    )
    return [entry.slot for entry in entries]


async def test_the_newest_entries_come_first_where_that_is_asked_for(store: Store) -> None:
    trigger = await stored_trigger(store)
    await insert(store, make_stretch(trigger, after(0), after(100), 3))
    await insert(store, *(make_entry(trigger, after(n), generation=2) for n in (10, 50, 60)))
    every_slot = [after(60), after(50), after(10), after(0)]
    assert await backwards(store, trigger.id, 0, 61) == every_slot
    assert await backwards(store, trigger.id, 20, 60) == [after(50), after(0)]
    assert await backwards(store, trigger.id, 20, 61, limit=1) == [after(60)]
    assert await backwards(store, trigger.id, 20, 61, limit=3) == [after(60), after(50), after(0)]
    assert await backwards(store, trigger.id, 101, 200) == []
