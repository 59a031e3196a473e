"""Calendars of triggers: created, obeyed, edited while slots are due, and kept while in use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callboard import Action, Callboard, Trigger, TriggerState, cron, every, job
from callboard.commands import FireSlots
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarMode, CalendarRule, Shift
from callboard.domain.misfire import plan_slots
from callboard.errors import AlreadyExists, Conflict, InvalidInput, NotFound, StaleVersion
from callboard.store.contract import CalendarFilter
from callboard.testing import VirtualClock
from support.boards import all_runs

HOUR = timedelta(hours=1)
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
DAILY = cron("0 9 * * *")
AWAY = (CalendarRule(calendar="away"),)
ONLY = (CalendarRule(calendar="away", mode=CalendarMode.INCLUDE),)


@job()
async def tick() -> None:
    pass


def days(*dates: str, name: str = "away") -> Calendar:
    """A calendar of whole days of January 2026 in UTC: "02" is the second."""
    given = [f"2026-01-{date}" for date in dates]
    return Calendar(name=name, definition={"kind": "dates", "zone": "UTC", "dates": given})


async def told(board: Callboard, clock: VirtualClock, name: str = "t") -> list[tuple[str, str]]:
    """Day and hour of each entry so far, and what became of it."""
    views = await board.list_slots(
        "default",
        name,
        since=datetime(2025, 1, 1, tzinfo=UTC),
        until=clock.now() + timedelta(microseconds=1),
        limit=1000,
    )
    return [(f"{view.slot:%d %H}", str(view.reason or view.decision)) for view in views]


@pytest.fixture
async def closed(board: Callboard) -> Callboard:
    """A board with a job tick, and the calendar away of the 2nd and 3rd."""
    await board.define(tick)
    await board.create_calendar(days("02", "03"))
    return board


async def test_a_calendar_is_created_read_and_listed(closed: Callboard):
    calendar = await closed.get_calendar("default", "away")
    assert (calendar.version, calendar.definition) == (1, days("02", "03").definition)
    assert await closed.list_calendars(CalendarFilter(group="default")) == [calendar]
    with pytest.raises(AlreadyExists):
        await closed.create_calendar(days("09"))
    with pytest.raises(NotFound):
        await closed.get_calendar("default", "nothing")


async def test_slots_in_an_excluded_calendar_are_skipped(closed: Callboard, clock: VirtualClock):
    await closed.schedule("t", DAILY, tick, calendars=AWAY)
    await clock.advance(4 * DAY_S)
    assert await told(closed, clock) == [
        ("01 09", "fired"),
        ("02 09", "calendar"),
        ("04 09", "fired"),
    ]
    assert len(await all_runs(closed)) == 2


async def test_only_slots_in_an_included_calendar_fire(closed: Callboard, clock: VirtualClock):
    await closed.create_calendar(days("02", "05", name="on"))
    rules = (CalendarRule(calendar="on", mode=CalendarMode.INCLUDE),)
    await closed.schedule("t", DAILY, tick, calendars=rules)
    await clock.advance(5 * DAY_S)
    assert [f"{run.slot:%d}" for run in await all_runs(closed)] == ["02", "05"]


async def test_an_unknown_calendar_is_refused_by_its_place(closed: Callboard):
    rules = (*AWAY, CalendarRule(calendar="nights"))
    trigger = Trigger(name="t", schedule=DAILY, actions=(Action(job="tick"),), calendars=rules)
    for activate in (True, False):
        with pytest.raises(InvalidInput, match="no calendar 'nights'") as refusal:
            await closed.create_trigger(trigger, activate=activate)
        assert [each.field for each in refusal.value.problems] == ["calendars[1].calendar"]
    await closed.schedule("t", DAILY, tick)
    with pytest.raises(InvalidInput):
        await closed.schedule("t", DAILY, tick, calendars=rules)
    assert (await closed.get_trigger("default", "t")).calendars == ()


async def test_a_calendar_of_another_group_is_not_known(closed: Callboard):
    await closed.create_calendar(replace(days("05", name="theirs"), group="g"))
    with pytest.raises(InvalidInput):
        await closed.schedule("t", DAILY, tick, calendars=(CalendarRule(calendar="theirs"),))


async def test_a_calendar_in_use_is_not_deleted(closed: Callboard):
    for name in "dcba":
        await closed.schedule(name, DAILY, tick, calendars=AWAY)
    with pytest.raises(Conflict, match=r"a, b, c, \.\.\.") as refusal:
        await closed.delete_calendar("default", "away")
    assert refusal.value.code == "calendar_in_use"
    for name in "abcd":
        await closed.delete_trigger("default", name)
    with pytest.raises(StaleVersion):
        await closed.delete_calendar("default", "away", expected_version=2)
    await closed.delete_calendar("default", "away")
    with pytest.raises(NotFound):
        await closed.delete_calendar("default", "away")


async def test_an_equal_definition_changes_nothing(closed: Callboard):
    """M15"""
    before = await closed.schedule("t", DAILY, tick, calendars=AWAY)
    calendar, created = await closed.replace_calendar(days("02", "03"))
    assert (calendar.version, created) == (1, False)
    assert await closed.schedule("t", DAILY, tick, calendars=AWAY) == before


async def test_another_description_begins_no_generation(closed: Callboard):
    await closed.schedule("t", DAILY, tick, calendars=AWAY)
    described = replace(days("02", "03"), description="two days")
    calendar, _ = await closed.replace_calendar(described)
    assert calendar.version == 2
    assert (await closed.get_trigger("default", "t")).generation == 1


async def test_m14_of_two_editors_of_a_calendar_the_second_is_told(closed: Callboard):
    await closed.replace_calendar(days("09"), expected_version=1)
    with pytest.raises(StaleVersion):
        await closed.replace_calendar(days("10"), expected_version=1)
    with pytest.raises(NotFound):
        await closed.replace_calendar(days("10", name="new"), expected_version=1)
    _, created = await closed.replace_calendar(days("10", name="new"))
    assert created


async def test_an_edited_calendar_counts_for_all_later_slots(
    closed: Callboard, clock: VirtualClock
):
    before = await closed.schedule("t", DAILY, tick, calendars=AWAY)
    await clock.advance(1.5 * DAY_S)
    await closed.replace_calendar(days("04"))
    after = await closed.get_trigger("default", "t")
    assert after.generation == before.generation + 1
    assert (after.version, after.anchor_at) == (before.version, before.anchor_at)
    assert after.next_slot == datetime(2026, 1, 3, 9, tzinfo=UTC)
    await clock.advance(3.5 * DAY_S)
    assert await told(closed, clock) == [
        ("01 09", "fired"),
        ("02 09", "calendar"),
        ("03 09", "fired"),
        ("04 09", "calendar"),
        ("05 09", "fired"),
    ]


async def test_d09_a_slot_that_is_due_is_decided_by_the_old_calendar(
    open_board, clock: VirtualClock
):
    idle = await open_board(fires=False)
    await idle.define(tick)
    await idle.create_calendar(days("02"))
    await idle.schedule("t", DAILY, tick, calendars=AWAY)
    await clock.advance(9 * HOUR_S)
    await idle.replace_calendar(days("01"))
    assert await told(idle, clock) == [("01 09", "fired")]
    trigger = await idle.get_trigger("default", "t")
    assert trigger.next_slot == datetime(2026, 1, 2, 9, tzinfo=UTC)


async def test_an_edited_calendar_moves_no_interval(closed: Callboard, clock: VirtualClock):
    started = await closed.schedule("t", every(hours=5), tick, calendars=AWAY)
    await clock.advance(7 * HOUR_S)
    await closed.replace_calendar(days("09"))
    moved = await closed.get_trigger("default", "t")
    assert moved.next_slot == started.anchor_at + 10 * HOUR


async def test_all_users_of_a_calendar_follow_its_edit_in_steps(
    closed: Callboard, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("callboard.changes.calendars.TRIGGERS_PER_STEP", 2)
    for number in range(5):
        await closed.schedule(f"t{number}", DAILY, tick, calendars=AWAY)
    await closed.schedule("free", DAILY, tick)
    await clock.advance(DAY_S)
    await closed.replace_calendar(days("05"))
    await clock.advance(DAY_S)
    assert len(await all_runs(closed)) == 12
    assert (await closed.get_trigger("default", "free")).generation == 1


async def test_a_plan_made_by_the_old_calendar_is_refused(closed: Callboard, clock: VirtualClock):
    stale = await closed.schedule("t", DAILY, tick, calendars=AWAY)
    await closed.replace_calendar(days("02"))
    assert (await closed.get_trigger("default", "t")).next_slot == stale.next_slot
    plan = plan_slots(stale, clock.now() + 9 * HOUR)
    epoch = closed.health().epoch or 0
    assert await closed._ask(FireSlots(epoch=epoch, plans=(plan,))) == (False,)


async def test_the_users_of_an_edited_calendar_keep_their_states(
    closed: Callboard, clock: VirtualClock
):
    for name in ("paused", "idle"):
        await closed.schedule(name, DAILY, tick, calendars=AWAY)
    await closed.pause_trigger("default", "paused")
    await closed.deactivate_trigger("default", "idle")
    await clock.advance(1.5 * DAY_S)
    await closed.replace_calendar(days("03"))
    states = {
        name: (await closed.get_trigger("default", name)).state for name in ("paused", "idle")
    }
    assert states == {"paused": TriggerState.PAUSED, "idle": TriggerState.INACTIVE}
    await clock.advance(DAY_S)
    await closed.resume_trigger("default", "paused")
    await clock.advance(2 * DAY_S)
    assert [slot for slot, _ in await told(closed, clock, "paused")] == [
        "01 09",
        "03 09",
        "04 09",
        "05 09",
    ]


async def test_what_was_certain_is_written_before_the_timing_changes(
    closed: Callboard, clock: VirtualClock
):
    """Slots that a calendar left out have no row until the next one fires, or an edit comes."""
    await closed.schedule("t", DAILY, tick, calendars=AWAY)
    await clock.advance(2.5 * DAY_S)
    expected = [("01 09", "fired"), ("02 09", "calendar")]
    assert await told(closed, clock) == expected
    await closed.schedule("t", cron("0 10 * * *"), tick)
    assert await told(closed, clock) == expected
    await clock.advance(DAY_S)
    assert await told(closed, clock) == [*expected, ("04 10", "fired")]


@pytest.mark.parametrize("change", ["deactivate", "activate", "pause", "delete"])
async def test_what_was_certain_is_written_before_the_state_changes(
    closed: Callboard, clock: VirtualClock, store, change: str
):
    trigger = await closed.schedule("t", DAILY, tick, calendars=AWAY)
    await clock.advance(2.5 * DAY_S)
    if change == "activate":
        await closed.deactivate_trigger("default", "t")
    await getattr(closed, f"{change}_trigger")("default", "t")
    entries = await store.read_ledger(
        trigger.id, since=clock.now() - timedelta(days=9), until=clock.now(), limit=9
    )
    assert [(f"{entry.slot:%d}", entry.reason) for entry in entries] == [
        ("01", None),
        ("02", "calendar"),
    ]


async def test_a_trigger_that_its_calendars_leave_no_slot_is_refused(closed: Callboard):
    never = days("09", name="never").definition | {"dates": ["2020-01-01"]}
    await closed.create_calendar(Calendar(name="never", definition=never))
    rules = (CalendarRule(calendar="never", mode=CalendarMode.INCLUDE),)
    with pytest.raises(InvalidInput, match="calendars"):
        await closed.schedule("t", DAILY, tick, calendars=rules)


async def test_an_edit_that_leaves_no_slot_parks_the_trigger_and_another_one_wakes_it(
    closed: Callboard, clock: VirtualClock
):
    await closed.replace_calendar(days("01", "02"))
    await closed.schedule("t", DAILY, tick, calendars=ONLY)
    await clock.advance(1.5 * DAY_S)
    await closed.replace_calendar(days("01"))
    parked = await closed.get_trigger("default", "t")
    assert parked.state is TriggerState.PARKED
    assert "calendars" in (parked.reason or "")
    await clock.advance(2 * DAY_S)
    await closed.replace_calendar(days("05"))
    await clock.advance(2 * DAY_S)
    assert [f"{run.slot:%d}" for run in await all_runs(closed)] == ["01", "02", "05"]


async def test_a_slot_that_an_edit_moved_into_the_past_is_not_made_up_for(
    closed: Callboard, clock: VirtualClock
):
    rules = (CalendarRule(calendar="away", shift=Shift.NEXT),)
    await closed.replace_calendar(days("09"))
    await closed.schedule("t", cron("0 9 1,9 * *"), tick, calendars=rules)
    await clock.advance(1.5 * DAY_S)
    await closed.replace_calendar(days("01"))
    await clock.advance(10 * DAY_S)
    assert [f"{run.slot:%d}" for run in await all_runs(closed)] == ["01", "09"]


async def test_the_stream_tells_of_calendars(closed: Callboard):
    await closed.schedule("t", DAILY, tick, calendars=AWAY)
    async with closed.subscribe(snapshot=False) as events:
        await closed.replace_calendar(days("05"))
        await closed.replace_calendar(days("06", name="new"))
        await closed.delete_calendar("default", "new")
        seen = []
        async for event in events:
            seen.append((event.type, event.subject["name"]))
            if event.type == "calendar.deleted":
                break
    assert seen == [
        ("trigger.changed", "t"),
        ("calendar.changed", "away"),
        ("calendar.changed", "new"),
        ("calendar.deleted", "new"),
    ]
