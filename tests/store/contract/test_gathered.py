"""What event triggers have gathered, and how many events a slot had."""

from __future__ import annotations

from dataclasses import replace

from callboard.domain.gathered import Gathered
from callboard.domain.schedule import on_event
from callboard.domain.trigger import Trigger
from callboard.store.contract import Store, TriggerFilter
from support.factories import NOW, after, make_entry, make_plan, stored_trigger

SOME = Gathered(events=7, due_at=after(60.000001))


async def listening(store: Store, name: str = "t") -> Trigger:
    return await stored_trigger(store, name, schedule=on_event(batch_size=9), next_slot=None)


async def gather(store: Store, *triggers: Trigger) -> None:
    async with store.begin() as tx:
        await tx.gather_events(triggers)


async def test_what_is_gathered_is_read_everywhere(store: Store) -> None:
    first, second = await listening(store, "a"), await listening(store, "b")
    assert first.gathered is None
    first = replace(first, gathered=SOME)
    await gather(store, first, second)
    assert await store.get_trigger("default", "a") == first
    assert await store.list_triggers(TriggerFilter()) == [first, second]
    assert await store.list_triggers(TriggerFilter(job="report")) == [first, second]
    async with store.begin() as tx:
        assert await tx.lock_trigger("default", "a") == first
        assert await tx.lock_triggers_by_id([first.id]) == {first.id: first}
        assert await tx.lock_triggers(TriggerFilter(), [first.state]) == [first, second]


async def test_gathering_writes_nothing_else(store: Store) -> None:
    trigger = await listening(store)
    await gather(store, replace(trigger, gathered=SOME, firings=9, description="x"))
    assert await store.get_trigger("default", "t") == replace(trigger, gathered=SOME)


async def test_nothing_may_be_left_of_it(store: Store) -> None:
    trigger = await listening(store)
    await gather(store, replace(trigger, gathered=SOME))
    await gather(store, trigger)
    assert await store.get_trigger("default", "t") == trigger


async def test_moving_on_leaves_what_is_gathered(store: Store) -> None:
    trigger = replace(await listening(store), gathered=SOME)
    await gather(store, trigger)
    async with store.begin() as tx:
        assert await tx.advance_triggers([make_plan(trigger, next_slot=SOME.due_at)]) == [True]
    (due,) = await store.due_triggers(after(61), 9)
    assert due.gathered == SOME


async def test_an_edit_writes_what_is_gathered(store: Store) -> None:
    trigger = replace(await listening(store), gathered=SOME)
    for wanted in (trigger, replace(trigger, gathered=None)):
        async with store.begin() as tx:
            present = await tx.lock_trigger("default", "t")
            assert present is not None
            await tx.update_trigger(replace(wanted, version=present.version))
        found = await store.get_trigger("default", "t")
        assert found is not None
        assert found.gathered == wanted.gathered


async def test_a_slot_tells_of_how_many_events_it_was(store: Store) -> None:
    trigger = await listening(store)
    entries = [
        replace(make_entry(trigger, after(60), decided_at=after(60)), events=7),
        make_entry(trigger, after(120), decided_at=after(120)),
    ]
    async with store.begin() as tx:
        await tx.insert_ledger(entries)
    read = store.read_ledger
    assert await read(trigger.id, since=NOW, until=after(999), limit=9) == entries
    backwards = await read(trigger.id, since=NOW, until=after(999), limit=9, newest_first=True)
    assert backwards == entries[::-1]
