"""Pauses, calendars and starts of the cluster on real backends, and two nodes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from callboard.changes.apply import apply_all
from callboard.changes.work import Work
from callboard.commands import (
    Change,
    CreateTrigger,
    PauseTrigger,
    PauseTriggers,
    RegisterNode,
    ReplaceCalendar,
    ReplaceTrigger,
    ResumeTriggers,
)
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.ledger import SkipReason
from callboard.domain.schedule import cron
from callboard.domain.trigger import Trigger, TriggerState
from callboard.runtime import Command
from callboard.store.contract import RunFilter, Store, Transaction, TriggerFilter
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.factories import (
    LEASE,
    NOW,
    after,
    make_calendar,
    make_node,
    make_trigger,
    stored_calendar,
    stored_job,
    stored_trigger,
)

R = TypeVar("R")

DAY = timedelta(days=1)
DAILY = cron("0 9 * * *")
OBEYING = (CalendarRule(calendar="holidays"),)


async def change_in(tx: Transaction, command: Command[R]) -> R:
    assert isinstance(command, Change)
    (answer,) = await apply_all(Work(tx=tx, new_trace_id=lambda: "0" * 32), [command])
    if isinstance(answer, Exception):
        raise answer
    return answer  # type: ignore[return-value]


async def change(store: Store, command: Command[R]) -> R:
    async with store.begin() as tx:
        return await change_in(tx, command)


async def waits(work: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait([task], timeout=0.1)
    assert not done, f"it did not wait, but came to {task.result()!r}"
    return task


def without(*days: int) -> Calendar:
    dates = [f"2026-01-{day:02}" for day in days]
    return make_calendar(definition={"kind": "dates", "zone": "UTC", "dates": dates})


async def created(store: Store, name: str = "hourly", **changes: Any) -> Trigger:
    return await change(store, CreateTrigger(trigger=make_trigger(name, **changes)))


async def found(store: Store, name: str = "hourly") -> Trigger:
    trigger = await store.get_trigger("default", name)
    assert trigger is not None
    return trigger


async def test_an_edited_calendar_moves_its_users_in_steps(
    store: Store, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("callboard.changes.calendars.TRIGGERS_PER_STEP", 2)
    await stored_job(store)
    await stored_calendar(store, definition=without(2).definition)
    for name in "abc":
        await created(store, name, schedule=DAILY, calendars=OBEYING)
    await clock.advance(1.5 * 86_400)
    calendar, is_new = await change(store, ReplaceCalendar(calendar=without(3, 4)))
    assert (calendar.version, is_new) == (2, False)
    for name in "abc":
        trigger = await found(store, name)
        assert (trigger.generation, trigger.version) == (2, 1)
        assert trigger.next_slot == datetime(2026, 1, 5, 9, tzinfo=UTC)
        entries = await store.read_ledger(trigger.id, since=NOW, until=NOW + 9 * DAY, limit=9)
        assert [entry.reason for entry in entries] == [None, SkipReason.CALENDAR]


async def test_a_page_of_triggers_is_paused_and_resumed(store: Store, clock: VirtualClock):
    await stored_job(store)
    for name in "abcd":
        await created(store, name)
    page = TriggerFilter(limit=3)
    until = after(10 * 86_400)
    step = await change(store, PauseTriggers(filter=page, until=until))
    assert (step.changed, step.after) == (3, ("default", "c"))
    assert await store.count_triggers(TriggerFilter()) == {
        (TriggerState.ACTIVE, None): 1,
        (TriggerState.PAUSED, until): 3,
    }
    rest = await change(store, PauseTriggers(filter=replace(page, after=step.after)))
    assert rest.changed == 1
    await clock.advance(5.5 * 3600)
    step = await change(store, ResumeTriggers(filter=TriggerFilter(limit=100)))
    assert (step.changed, step.slots) == (4, 20)
    assert await change(store, ResumeTriggers(filter=TriggerFilter())) == replace(
        step, changed=0, slots=0, after=None
    )


async def test_a_pause_and_an_edit_survive_the_store(store: Store, clock: VirtualClock):
    await stored_job(store)
    await created(store)
    until = after(86_400.000001)
    paused = await change(store, PauseTrigger(group="default", name="hourly", until=until))
    assert await found(store) == paused
    await clock.advance(2.5 * 3600)
    wanted = make_trigger(schedule=DAILY)
    edited, _ = await change(store, ReplaceTrigger(trigger=wanted))
    assert await found(store) == edited
    assert (edited.state, edited.resume_at) == (TriggerState.PAUSED, until)
    entries = await store.read_ledger(edited.id, since=NOW, until=NOW + DAY, limit=9)
    assert [(entry.reason, entry.count) for entry in entries] == [(SkipReason.PAUSED, 2)]


async def test_an_equal_definition_with_calendars_changes_nothing(store: Store):
    """M15"""
    await stored_job(store)
    await stored_calendar(store)
    first = await created(store, schedule=DAILY, calendars=OBEYING)
    again = make_trigger(schedule=DAILY, calendars=OBEYING)
    assert await change(store, ReplaceTrigger(trigger=again)) == (first, False)


@on_databases
async def test_a_trigger_made_while_its_calendar_is_edited_obeys_the_new_one(
    store: Store, peer: Store
):
    await stored_job(store)
    await stored_calendar(store)
    wanted = make_trigger(schedule=DAILY, calendars=OBEYING)
    async with store.begin() as tx:
        await change_in(tx, ReplaceCalendar(calendar=without(1, 2)))
        creating = await waits(change(peer, CreateTrigger(trigger=wanted)))
    assert (await creating).next_slot == datetime(2026, 1, 3, 9, tzinfo=UTC)


@on_databases
async def test_a_calendar_edited_while_a_trigger_is_made_moves_it_too(store: Store, peer: Store):
    await stored_job(store)
    await stored_calendar(store)
    wanted = make_trigger(schedule=DAILY, calendars=OBEYING)
    async with store.begin() as tx:
        await change_in(tx, CreateTrigger(trigger=wanted))
        editing = await waits(change(peer, ReplaceCalendar(calendar=without(1, 2))))
    await editing
    trigger = await found(store)
    assert (trigger.generation, trigger.next_slot) == (2, datetime(2026, 1, 3, 9, tzinfo=UTC))


@on_databases
async def test_a_pause_that_waited_for_an_edit_of_the_calendar_goes_by_the_new_one(
    store: Store, peer: Store, clock: VirtualClock
):
    await stored_job(store)
    await stored_calendar(store, definition=without(1).definition)
    await created(store, schedule=DAILY, calendars=OBEYING)
    await clock.advance(3600)
    async with store.begin() as tx:
        await change_in(tx, ReplaceCalendar(calendar=without(1, 2)))
        everything = PauseTriggers(filter=TriggerFilter())
        pausing = await waits(change(peer, everything))
    assert (await pausing).changed == 1
    trigger = await found(store)
    assert (trigger.state, trigger.generation) == (TriggerState.PAUSED, 2)


@on_databases
async def test_c19_of_two_nodes_that_register_at_once_one_starts_the_cluster(
    store: Store, peer: Store, clock: VirtualClock
):
    await stored_job(store)
    await stored_trigger(
        store, schedule=cron("@reboot"), next_slot=None, last_slot=NOW, anchor_at=NOW
    )
    await clock.advance(3600)
    async with store.begin() as tx:
        await change_in(tx, RegisterNode(node=make_node("a"), lease=LEASE))
        registering = await waits(change(peer, RegisterNode(node=make_node("b"), lease=LEASE)))
    await registering
    trigger = await found(store)
    assert trigger.next_slot == after(3600)
    assert await store.list_runs(RunFilter()) == []
    assert len(await store.list_nodes()) == 2


@on_databases
async def test_a_bulk_pause_waits_for_whoever_changes_a_trigger(
    store: Store, peer: Store, clock: VirtualClock
):
    await stored_job(store)
    for name in "ab":
        await created(store, name)
    async with store.begin() as tx:
        await change_in(tx, PauseTrigger(group="default", name="b"))
        pausing = await waits(change(peer, PauseTriggers(filter=TriggerFilter())))
    step = await pausing
    assert step.changed == 1
    assert await store.count_triggers(TriggerFilter()) == {(TriggerState.PAUSED, None): 2}
