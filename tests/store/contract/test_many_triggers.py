"""Many triggers at once: pages that are locked, counts, and those that start with the cluster."""

from typing import Any

from callboard.domain.schedule import Cron, cron, every
from callboard.domain.trigger import Action, TriggerState
from callboard.store.contract import Store, TriggerFilter
from callboard.testing import VirtualClock
from support.factories import LEASE, after, make_node, stored_node, stored_trigger

ACTIVE, PAUSED, PARKED = TriggerState.ACTIVE, TriggerState.PAUSED, TriggerState.PARKED


async def page(store: Store, *states: TriggerState, **conditions: Any) -> list[str]:
    async with store.begin() as tx:
        triggers = await tx.lock_triggers(TriggerFilter(**conditions), states or [ACTIVE])
    return [f"{trigger.group}/{trigger.name}" for trigger in triggers]


async def some_triggers(store: Store) -> None:
    await stored_trigger(store, "b")
    await stored_trigger(store, "a", state=PAUSED, next_slot=None)
    await stored_trigger(store, "c", group="b", job="other")
    await stored_trigger(store, "d", group="b", actions=(Action(job="other"), Action(job="report")))


async def test_triggers_are_locked_by_group_and_name_and_state(store: Store) -> None:
    await some_triggers(store)
    assert await page(store) == ["b/c", "b/d", "default/b"]
    assert await page(store, PAUSED) == ["default/a"]
    assert await page(store, ACTIVE, PAUSED) == ["b/c", "b/d", "default/a", "default/b"]
    assert await page(store, PARKED) == []


async def test_triggers_are_locked_by_group_and_by_job(store: Store) -> None:
    await some_triggers(store)
    assert await page(store, group="b") == ["b/c", "b/d"]
    assert await page(store, job="report") == ["b/d", "default/b"]
    assert await page(store, group="default", job="other") == []
    assert await page(store, ACTIVE, PAUSED, job="report", group="default") == [
        "default/a",
        "default/b",
    ]


async def test_triggers_are_locked_page_by_page(store: Store) -> None:
    await some_triggers(store)
    for conditions in ({}, {"job": "report"}):
        first = await page(store, ACTIVE, PAUSED, limit=1, **conditions)
        group, _, name = first[0].partition("/")
        rest = await page(store, ACTIVE, PAUSED, after=(group, name), **conditions)
        assert first + rest == await page(store, ACTIVE, PAUSED, **conditions)


async def test_a_locked_page_has_whole_triggers(store: Store) -> None:
    trigger = await stored_trigger(store)
    async with store.begin() as tx:
        assert await tx.lock_triggers(TriggerFilter(), [ACTIVE]) == [trigger]
        assert await tx.lock_triggers(TriggerFilter(job="report"), [ACTIVE]) == [trigger]


async def test_triggers_are_counted_by_state_and_end_of_their_pause(store: Store) -> None:
    await some_triggers(store)
    await stored_trigger(store, "e", state=PAUSED, resume_at=after(60), next_slot=None)
    assert await store.count_triggers(TriggerFilter(limit=1)) == {
        (ACTIVE, None): 3,
        (PAUSED, None): 1,
        (PAUSED, after(60)): 1,
    }
    assert await store.count_triggers(TriggerFilter(group="b")) == {(ACTIVE, None): 2}
    assert await store.count_triggers(TriggerFilter(job="other", state="active")) == {
        (ACTIVE, None): 2
    }
    assert await store.count_triggers(TriggerFilter(group="nobody's")) == {}


async def starting(store: Store) -> list[str]:
    async with store.begin() as tx:
        return [trigger.name for trigger in await tx.lock_start_triggers()]


async def test_active_and_paused_triggers_start_with_the_cluster(store: Store) -> None:
    """C19"""
    reboot = Cron(expression="@reboot")
    for state in TriggerState:
        await stored_trigger(store, state.value, schedule=reboot, state=state, next_slot=None)
    await stored_trigger(store, "loud", schedule=Cron(expression=" @Reboot "), next_slot=None)
    await stored_trigger(store, "interval", schedule=every(hours=1))
    await stored_trigger(store, "cron", schedule=cron("@hourly"))
    assert await starting(store) == ["active", "paused", "loud"]


async def test_a_node_lives_as_long_as_its_lease(store: Store, clock: VirtualClock) -> None:
    async with store.begin() as tx:
        assert not await tx.has_live_node()
    await stored_node(store)
    async with store.begin() as tx:
        assert await tx.has_live_node()
    await clock.advance(LEASE.total_seconds())
    async with store.begin() as tx:
        assert not await tx.has_live_node()
        await tx.insert_node(make_node("node-b"), LEASE)
        assert await tx.has_live_node()
