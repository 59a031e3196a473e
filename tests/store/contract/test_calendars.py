"""Calendars: insert, change, delete, list, their users, and what a trigger knows of them."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarMode, CalendarRule, Shift
from callboard.domain.trigger import Trigger
from callboard.store.contract import CalendarFilter, Store, TriggerFilter
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.factories import NOW, after, make_calendar, stored_calendar, stored_trigger
from support.rollback import rolled_back

OTHER_DAYS = {"kind": "dates", "zone": "UTC", "dates": ["2027-05-01"]}


def rules(*names: str) -> tuple[CalendarRule, ...]:
    return tuple(CalendarRule(calendar=name) for name in names)


async def update(store: Store, calendar: Calendar) -> Calendar | None:
    async with store.begin() as tx:
        return await tx.update_calendar(calendar)


async def update_trigger(store: Store, trigger: Trigger) -> None:
    async with store.begin() as tx:
        assert await tx.update_trigger(trigger) is not None


async def users(store: Store, calendar: str, group: str = "default") -> list[str]:
    async with store.begin() as tx:
        return await tx.triggers_of_calendar(group, calendar)


async def locked_users(store: Store, calendar: str, after_id: int = 0, limit: int = 9) -> list[str]:
    async with store.begin() as tx:
        triggers = await tx.lock_triggers_of_calendar(
            "default", calendar, after_id=after_id, limit=limit
        )
        return [trigger.name for trigger in triggers]


async def listed(store: Store, **conditions: Any) -> list[tuple[str, str]]:
    calendars = await store.list_calendars(CalendarFilter(**conditions))
    return [(calendar.group, calendar.name) for calendar in calendars]


async def test_an_inserted_calendar_has_an_identity_and_is_at_version_1(store: Store) -> None:
    calendar = await stored_calendar(store)
    assert calendar.id > 0
    assert calendar == replace(
        make_calendar(), id=calendar.id, version=1, created_at=NOW, updated_at=NOW
    )
    assert await store.get_calendar("default", "holidays") == calendar
    assert await store.get_calendar("other", "holidays") is None


async def test_a_taken_name_is_refused_and_the_first_calendar_stays(store: Store) -> None:
    calendar = await stored_calendar(store)
    async with store.begin() as tx:
        assert await tx.insert_calendar(make_calendar(description="another")) is None
    assert await store.get_calendar("default", "holidays") == calendar


async def test_a_changed_calendar_is_one_version_on(store: Store, clock: VirtualClock) -> None:
    calendar = await stored_calendar(store)
    await clock.advance(60)
    wanted = replace(calendar, description="fêtes", definition=OTHER_DAYS)
    changed = await update(store, wanted)
    assert changed == replace(wanted, version=2, updated_at=after(60))
    assert await store.get_calendar("default", "holidays") == changed


async def test_a_change_at_an_old_version_is_left_out(store: Store) -> None:
    calendar = await stored_calendar(store)
    second = await update(store, replace(calendar, description="second"))
    assert await update(store, replace(calendar, description="third")) is None
    assert await store.get_calendar("default", "holidays") == second


async def test_a_deleted_calendar_is_gone(store: Store) -> None:
    calendar = await stored_calendar(store)
    async with store.begin() as tx:
        assert await tx.delete_calendar(calendar.id) is True
        assert await tx.delete_calendar(calendar.id) is False
    assert await store.get_calendar("default", "holidays") is None
    assert await listed(store) == []


async def test_a_rollback_takes_a_calendar_back(store: Store) -> None:
    async with rolled_back(store) as tx:
        assert await tx.insert_calendar(make_calendar()) is not None
    assert await listed(store) == []


async def test_calendars_are_listed_by_group_and_name_page_by_page(store: Store) -> None:
    keys = [("b", "a"), ("a", "b"), ("a", "B"), ("default", "x")]
    for group, name in keys:
        await stored_calendar(store, name, group=group)
    assert await listed(store) == sorted(keys)
    assert await listed(store, group="a") == [("a", "B"), ("a", "b")]
    assert await listed(store, limit=2) == sorted(keys)[:2]
    assert await listed(store, after=("a", "b")) == [("b", "a"), ("default", "x")]


@pytest.mark.parametrize("for_change", [False, True])
async def test_locked_calendars_are_given_by_group_and_name(store: Store, for_change: bool) -> None:
    one, two = await stored_calendar(store), await stored_calendar(store, "x", group="g")
    names = [("default", "holidays"), ("g", "x"), ("g", "nothing")]
    async with store.begin() as tx:
        locked = await tx.lock_calendars(names, for_change=for_change)
    assert locked == {("default", "holidays"): one, ("g", "x"): two}


async def test_the_users_of_a_calendar_are_the_triggers_of_its_group_that_name_it(
    store: Store,
) -> None:
    await stored_trigger(store, "b", calendars=rules("holidays", "nights"))
    await stored_trigger(store, "a", calendars=rules("holidays"))
    await stored_trigger(store, "c")
    await stored_trigger(store, "d", group="elsewhere", calendars=rules("holidays"))
    assert await users(store, "holidays") == ["a", "b"]
    assert await users(store, "nights") == ["b"]
    assert await users(store, "nobody's") == []
    assert await locked_users(store, "holidays") == ["b", "a"]


async def test_the_users_of_a_calendar_are_locked_page_by_page(store: Store) -> None:
    triggers = [await stored_trigger(store, name, calendars=rules("c")) for name in "dbca"]
    assert await locked_users(store, "c", limit=3) == ["d", "b", "c"]
    assert await locked_users(store, "c", after_id=triggers[2].id) == ["a"]


async def test_the_users_of_a_calendar_are_ten_at_the_most(store: Store) -> None:
    for number in range(12):
        await stored_trigger(store, f"t{number:02}", calendars=rules("c"))
    assert await users(store, "c") == [f"t{number:02}" for number in range(10)]


async def test_the_users_of_a_calendar_follow_a_change_of_the_trigger(store: Store) -> None:
    trigger = await stored_trigger(store, calendars=rules("holidays"))
    await update_trigger(store, replace(trigger, calendars=rules("nights")))
    assert await users(store, "holidays") == []
    assert await users(store, "nights") == ["hourly"]


async def test_the_users_of_a_calendar_end_with_the_trigger(store: Store) -> None:
    trigger = await stored_trigger(store, calendars=rules("holidays"))
    async with store.begin() as tx:
        await tx.delete_trigger(trigger.id)
    assert await users(store, "holidays") == []


async def every_reading(store: Store) -> list[Trigger]:
    """The only trigger, as each verb gives it."""
    async with store.begin() as tx:
        locked = await tx.lock_trigger("default", "hourly")
        of_calendar = await tx.lock_triggers_of_calendar("default", "h", after_id=0, limit=9)
        page = await tx.lock_triggers(TriggerFilter(), [of_calendar[0].state])
    found = await store.get_trigger("default", "hourly")
    assert locked is not None
    assert found is not None
    listed = await store.list_triggers(TriggerFilter())
    of_job = await store.list_triggers(TriggerFilter(job="report"))
    due = await store.due_triggers(after(10**6), 9)
    return [locked, *of_calendar, *page, found, *listed, *of_job, *due]


async def test_every_reading_of_a_trigger_has_its_calendars_as_they_are_now(store: Store) -> None:
    calendar = await stored_calendar(store, "h")
    rule = CalendarRule(calendar="h", mode=CalendarMode.INCLUDE, shift=Shift.NEXT)
    await stored_trigger(store, calendars=(rule,))
    for definition in (calendar.definition, OTHER_DAYS):
        changed = await update(store, replace(calendar, definition=definition))
        assert changed is not None
        known = replace(changed, created_at=None, updated_at=None)
        readings = await every_reading(store)
        assert [trigger.calendars for trigger in readings] == [
            (replace(rule, definition=known),)
        ] * 7
        calendar = changed


async def test_a_rule_whose_calendar_is_not_there_has_none(store: Store) -> None:
    await stored_trigger(store, calendars=rules("h"))
    for trigger in await every_reading(store):
        assert trigger.calendars == rules("h")


@on_databases
async def test_a_calendar_locked_for_change_keeps_other_locks_out(
    store: Store, peer: Store
) -> None:
    calendar = await stored_calendar(store)

    async def read_version() -> int:
        async with peer.begin() as tx:
            locked = await tx.lock_calendars([("default", "holidays")])
            return locked["default", "holidays"].version

    async with store.begin() as tx:
        await tx.lock_calendars([("default", "holidays")], for_change=True)
        reading = asyncio.ensure_future(read_version())
        done, _ = await asyncio.wait([reading], timeout=0.1)
        assert not done
        await tx.update_calendar(replace(calendar, description="second"))
    assert await reading == 2


@on_databases
async def test_a_lock_that_waited_for_a_change_of_the_calendar_knows_the_new_one(
    store: Store, peer: Store
) -> None:
    calendar = await stored_calendar(store, "h")
    await stored_trigger(store, calendars=rules("h"))

    async def lock() -> Trigger | None:
        async with peer.begin() as tx:
            return await tx.lock_trigger("default", "hourly")

    async with store.begin() as tx:
        await tx.lock_triggers_of_calendar("default", "h", after_id=0, limit=9)
        locking = asyncio.ensure_future(lock())
        done, _ = await asyncio.wait([locking], timeout=0.1)
        assert not done
        await tx.update_calendar(replace(calendar, definition=OTHER_DAYS))
    locked = await locking
    assert locked is not None
    assert locked.calendars[0].definition is not None
    assert locked.calendars[0].definition.definition == OTHER_DAYS
