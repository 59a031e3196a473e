"""Moving triggers on: compare and set."""

import asyncio
from dataclasses import replace

import pytest

from callboard.domain.misfire import SlotPlan
from callboard.domain.trigger import Trigger, TriggerState
from callboard.store.contract import Store
from callboard.testing import VirtualClock
from support.factories import after, make_plan, stored_trigger


async def advance(store: Store, *plans: SlotPlan) -> list[bool]:
    async with store.begin() as tx:
        return await tx.advance_triggers(plans)


async def stored(store: Store, name: str = "hourly") -> Trigger:
    trigger = await store.get_trigger("default", name)
    assert trigger is not None
    return trigger


async def test_an_advanced_trigger_is_due_at_its_next_slot(store: Store) -> None:
    trigger = await stored_trigger(store)
    assert await advance(store, make_plan(trigger)) == [True]
    moved = await stored(store)
    assert moved == replace(
        trigger, next_slot=after(7200), last_slot=after(3600), firings=trigger.firings + 1
    )
    assert await store.due_triggers(after(7199), 9) == []
    assert await store.due_triggers(after(7200), 9) == [moved]


async def test_advancing_leaves_version_and_time_of_change_alone(
    store: Store, clock: VirtualClock
) -> None:
    trigger = await stored_trigger(store)
    await clock.advance(3600)
    await advance(store, make_plan(trigger))
    moved = await stored(store)
    assert (moved.version, moved.updated_at) == (trigger.version, trigger.updated_at)


async def test_advancing_can_complete_or_park_a_trigger(store: Store) -> None:
    first, second = await stored_trigger(store, "a"), await stored_trigger(store, "b")
    completed = make_plan(first, state=TriggerState.COMPLETED, next_slot=None)
    parked = make_plan(second, state=TriggerState.PARKED, reason="its zone is gone")
    assert await advance(store, completed, parked) == [True, True]
    assert (await stored(store, "a")).state is TriggerState.COMPLETED
    assert (await stored(store, "a")).next_slot is None
    assert (await stored(store, "b")).reason == "its zone is gone"
    assert await store.due_triggers(after(10**6), 9) == []


async def test_advancing_may_begin_a_generation(store: Store) -> None:
    plan = make_plan(await stored_trigger(store), generation=2)
    assert await advance(store, plan) == [True]
    assert (await stored(store)).generation == 2
    assert await advance(store, plan) == [False]


async def test_advancing_writes_nothing_but_its_place_in_time(store: Store) -> None:
    trigger = await stored_trigger(store)
    plan = make_plan(trigger)
    meddled = replace(plan, after=replace(plan.after, description="other", jitter_s=9.0))
    assert await advance(store, meddled) == [True]
    moved = await stored(store)
    assert (moved.description, moved.jitter_s) == (trigger.description, trigger.jitter_s)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 4711},
        {"generation": 2},
        {"state": TriggerState.PAUSED},
        {"next_slot": after(7200)},
        {"next_slot": after(3600.000001)},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_plan_for_another_state_of_the_trigger_changes_nothing(
    store: Store, changes: dict[str, object]
) -> None:
    trigger = await stored_trigger(store)
    plan = make_plan(trigger)
    believed = replace(trigger, **changes)  # type: ignore[arg-type]
    assert await advance(store, replace(plan, before=believed)) == [False]
    assert await stored(store) == trigger


async def test_a_plan_survives_changes_that_leave_the_place_in_time_alone(store: Store) -> None:
    trigger = await stored_trigger(store)
    async with store.begin() as tx:
        changed = await tx.update_trigger(replace(trigger, description="new"))
    assert await advance(store, make_plan(trigger)) == [True]
    assert changed is not None
    assert (await stored(store)).description == "new"
    assert (await stored(store)).version == changed.version


async def test_a_plan_for_a_trigger_without_a_next_slot_is_compared_as_well(store: Store) -> None:
    trigger = await stored_trigger(store, next_slot=None)
    plan = make_plan(trigger, next_slot=after(60))
    assert await advance(store, plan) == [True]
    assert await advance(store, plan) == [False]


async def test_each_plan_is_answered_in_its_place(store: Store) -> None:
    triggers = [await stored_trigger(store, f"t{number}") for number in range(4)]
    await advance(store, make_plan(triggers[1]))
    plans = [make_plan(trigger) for trigger in (triggers[3], triggers[1], triggers[0])]
    assert await advance(store, *plans) == [True, False, True]
    assert await stored(store, "t2") == triggers[2]
    assert await advance(store) == []


async def test_the_same_plan_twice_succeeds_once(store: Store) -> None:
    trigger = await stored_trigger(store)
    plan = make_plan(trigger)
    assert await advance(store, plan) == [True]
    assert await advance(store, plan) == [False]
    assert (await stored(store)).firings == 1


async def test_of_two_racing_plans_one_succeeds(store: Store, peer: Store) -> None:
    """Two schedulers with the same trigger in hand."""
    triggers = [await stored_trigger(store, f"t{number}") for number in range(5)]
    plans = [make_plan(trigger) for trigger in triggers]
    answers = await asyncio.gather(
        advance(store, *plans), advance(peer, *plans), advance(store, *plans)
    )
    assert [sum(answer) for answer in zip(*answers, strict=True)] == [1] * 5
    assert [(await stored(store, trigger.name)).firings for trigger in triggers] == [1] * 5
