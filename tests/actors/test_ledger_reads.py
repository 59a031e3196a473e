"""What is told of slots: the ledger, the preview, and the answer for one instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callboard import Callboard, MisfirePolicy, cron, every, job
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.slot import SlotView
from callboard.errors import InvalidInput, NotFound
from callboard.testing import VirtualClock, virtual_board
from support.boards import all_runs

HOUR = timedelta(hours=1)
HOUR_S = 3600.0
MICROSECOND = timedelta(microseconds=1)
NIGHT = Calendar(
    name="night",
    definition={"kind": "ranges", "ranges": [["2026-01-01T02:30:00Z", "2026-01-01T05:30:00Z"]]},
)
AT_NIGHT = (CalendarRule(calendar="night"),)


@job()
async def tick() -> None:
    pass


@job()
async def tock() -> None:
    pass


@pytest.fixture
async def hourly(board: Callboard) -> Callboard:
    """A board with an hourly trigger t since midnight, but for 03:00 to 05:00."""
    await board.define(tick)
    await board.define(tock)
    await board.create_calendar(NIGHT)
    await board.schedule("t", every(hours=1), tick, calendars=AT_NIGHT)
    return board


def hour(number: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + number * HOUR


def seen(views: list[SlotView]) -> list[tuple[int, str, int]]:
    return [(view.slot.hour, str(view.reason or view.decision), view.count) for view in views]


async def ledger(board: Callboard, since: float = 0, until: float = 48, **options: object):
    window = {"since": hour(since), "until": hour(until), **options}
    return seen(await board.read_ledger("default", "t", **window))


async def test_the_ledger_holds_what_is_certain_before_it_is_written(
    hourly: Callboard, clock: VirtualClock
):
    await clock.advance(2 * HOUR_S)
    assert await ledger(hourly) == [(1, "fired", 1), (2, "fired", 1)]
    await clock.advance(2.5 * HOUR_S)
    certain = [(1, "fired", 1), (2, "fired", 1), (3, "calendar", 2)]
    assert await ledger(hourly) == certain
    await clock.advance(2 * HOUR_S)
    assert await ledger(hourly) == [*certain[:2], (3, "calendar", 3), (6, "fired", 1)]


async def test_at_every_instant_every_past_slot_has_its_answer_once(
    hourly: Callboard, clock: VirtualClock
):
    for passed in range(1, 20):
        await clock.advance(0.5 * HOUR_S)
        if passed == 14:
            await hourly.pause_trigger("default", "t")
        if passed == 17:
            await hourly.resume_trigger("default", "t")
        told = await ledger(hourly)
        assert sum(count for _, _, count in told) == passed // 2, (passed, told)


async def test_the_newest_entries_come_first_where_that_is_asked_for(
    hourly: Callboard, clock: VirtualClock
):
    await clock.advance(6.5 * HOUR_S)
    whole = await ledger(hourly)
    assert await ledger(hourly, newest_first=True) == whole[::-1]
    assert await ledger(hourly, newest_first=True, limit=2) == whole[:-3:-1]
    assert await ledger(hourly, limit=2) == whole[:2]
    assert await ledger(hourly, since=2, until=6) == whole[1:3]


async def test_the_ledger_has_no_future_and_the_slots_have_one(
    hourly: Callboard, clock: VirtualClock
):
    await clock.advance(1.5 * HOUR_S)
    views = await hourly.list_slots("default", "t", since=hour(0), until=hour(7))
    assert seen(views) == [
        (1, "fired", 1),
        (2, "pending", 1),
        (3, "calendar", 3),
        (6, "pending", 1),
    ]
    assert await ledger(hourly) == [(1, "fired", 1)]


async def test_the_ledger_outlives_generations(hourly: Callboard, clock: VirtualClock):
    await clock.advance(1.5 * HOUR_S)
    await hourly.schedule("t", every(minutes=20), tick)
    await clock.advance(0.5 * HOUR_S)
    views = await hourly.read_ledger("default", "t", since=hour(0), until=hour(9))
    assert [view.slot for view in views] == [hour(1), hour(1.5) + timedelta(minutes=20)]


async def test_unknown_triggers_are_not_found(hourly: Callboard):
    with pytest.raises(NotFound):
        await hourly.read_ledger("default", "x", since=hour(0), until=hour(1))
    with pytest.raises(NotFound):
        await hourly.explain_slot("default", "x", hour(0))
    with pytest.raises(InvalidInput, match="no time zone"):
        await hourly.explain_slot("default", "t", hour(0).replace(tzinfo=None))


async def test_a_fired_slot_is_explained(hourly: Callboard, clock: VirtualClock):
    await clock.advance(1.5 * HOUR_S)
    explained = await hourly.explain_slot("default", "t", hour(1))
    (run,) = await all_runs(hourly)
    assert (explained.decision, explained.reason) == (Decision.FIRED, None)
    assert (explained.run_ids, explained.late_s) == ((run.id,), 0.0)
    assert (explained.slot, explained.next_slot) == (hour(1), hour(2))


@pytest.mark.parametrize("passed", [0.5, 4.5, 7.5])
async def test_a_slot_that_a_calendar_leaves_out_is_explained_at_any_time(
    hourly: Callboard, clock: VirtualClock, passed: float
):
    await clock.advance(passed * HOUR_S)
    explained = await hourly.explain_slot("default", "t", hour(4))
    assert explained.reason is SkipReason.CALENDAR
    assert "night" in explained.sentence or "calendar" in explained.sentence


async def test_an_instant_that_is_no_slot_is_explained(hourly: Callboard, clock: VirtualClock):
    await clock.advance(1.5 * HOUR_S)
    explained = await hourly.explain_slot("default", "t", hour(1.25))
    assert (explained.decision, explained.slot) == (None, None)
    assert explained.sentence


async def test_a_slot_of_a_pause_is_explained(hourly: Callboard, clock: VirtualClock):
    await hourly.pause_trigger("default", "t")
    await clock.advance(1.5 * HOUR_S)
    explained = await hourly.explain_slot("default", "t", hour(1))
    assert explained.reason is SkipReason.PAUSED


async def test_collisions_are_slots_of_other_active_triggers_on_the_same_job(
    hourly: Callboard, clock: VirtualClock
):
    await hourly.schedule("other", every(hours=3, anchor_at=hour(6)), tick)
    await hourly.schedule("another_job", every(hours=1), tock)
    await hourly.schedule("idle", every(hours=1), tick)
    await hourly.deactivate_trigger("default", "idle")
    await hourly.schedule("away", every(hours=1), tick, calendars=AT_NIGHT)
    await hourly.pause_trigger("default", "away")
    views = await hourly.list_slots("default", "t", since=hour(0), until=hour(10))
    marked = [view.slot.hour for view in views if "collision" in view.marks]
    assert marked == [6, 9]


async def test_what_was_decided_while_it_was_read_is_told_once(
    hourly: Callboard, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
):
    """A slot fires between the reading of the trigger and that of its ledger."""
    read = hourly.get_trigger

    async def then_it_fires(group: str, name: str):
        trigger = await read(group, name)
        await clock.advance(HOUR_S)
        return trigger

    monkeypatch.setattr(hourly, "get_trigger", then_it_fires)
    views = await hourly.list_slots("default", "t", since=hour(0), until=hour(3))
    assert seen(views) == [(1, "pending", 1), (2, "pending", 1)]


async def test_the_ledger_equals_the_preview_of_before() -> None:
    start = datetime(2026, 3, 6, tzinfo=UTC)
    async with virtual_board(start=start) as (board, clock):
        await board.define(tick)
        schedule = cron("20,50 2 * * *", zone="America/New_York", gap="skip")
        await board.schedule("p", schedule, tick, misfire=MisfirePolicy(grace_s=0))
        window = {"since": start, "until": start + 96 * HOUR}
        preview = await board.list_slots("default", "p", **window)
        await clock.advance(96 * HOUR_S)
        told = await board.read_ledger("default", "p", **window)
    assert [(v.slot, v.reason, v.count) for v in told] == [
        (v.slot, v.reason, v.count) for v in preview
    ]
    assert [view.count for view in told if view.reason is SkipReason.DST_GAP] == [2]
