"""What the preview promises is what the board then does, and what the schedules say by themselves.

Real board, memory store, virtual clock: random triggers of every kind are created, their previews
are taken, and the clock runs over the window, in which the clocks of some zone change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Final

import pytest

from callboard import Callboard, Trigger, TriggerState, cron, job
from callboard.domain.calendar import Calendar
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.schedule import waits_without_slot
from callboard.domain.slot import SlotView
from callboard.errors import InvalidInput
from callboard.store.contract import RunFilter
from callboard.testing import ALONE, VirtualClock, virtual_board
from domain.random_triggers import naive_points
from support.any_triggers import CHANGES, random_calendars, random_definition

pytest.importorskip("recurring_ical_events")

LENGTH: Final = timedelta(days=4, seconds=1.5)
"""Of the window; it ends where no slot is."""
BEFORE: Final = timedelta(days=2)
"""So long before the day of the change the window begins, about."""
CALENDARS: Final = 16
CROWD: Final = 100
"""Triggers on one board."""
ALL: Final = 100_000
MICROSECOND: Final = timedelta(microseconds=1)
QUIET: Final = replace(ALONE, executes=False)
"""Runs are created, and stay queued."""


@job()
async def tick() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A trigger as it was created, and what was said of its slots then."""

    trigger: Trigger
    preview: Sequence[SlotView]
    paused_until: datetime | None
    until: datetime
    """The end of the window; not included."""


async def promised(
    board: Callboard, clock: VirtualClock, random: Random, name: str, calendars: list[Calendar]
) -> Promise:
    """A new random trigger, now and then in a timed pause."""
    now = clock.now()
    await board.define(tick, name=name)
    trigger = await created(board, random, name, now, calendars)
    paused_until = None
    can_pause = trigger.state is TriggerState.ACTIVE and not waits_without_slot(trigger.schedule)
    if can_pause and random.random() < 0.1:
        # Between two slots: one at its very end would be decided by itself.
        paused_until = now + timedelta(minutes=random.randrange(1, 5000), milliseconds=1)
        await board.pause_trigger("default", name, until=paused_until)
    until = now + LENGTH
    preview = await board.list_slots("default", name, since=now, until=until, limit=ALL)
    since = now + LENGTH * random.random()
    later = await board.list_slots("default", name, since=since, until=until, limit=ALL)
    assert firing(later) == [view for view in firing(preview) if view.slot >= since], trigger
    assert clock.now() == now
    return Promise(trigger=trigger, preview=preview, paused_until=paused_until, until=until)


async def created(
    board: Callboard, random: Random, name: str, now: datetime, calendars: list[Calendar]
) -> Trigger:
    while True:
        definition = random_definition(random, name, name, now, calendars)
        try:
            return await board.create_trigger(definition)
        except InvalidInput as error:  # they leave it no slot
            if [problem.field for problem in error.problems] != ["calendars"]:
                raise


async def check_window(seed: int) -> int:
    """A crowd of random triggers over one window; how many slots they had."""
    random = Random(seed)
    start = datetime.combine(random.choice(CHANGES), time(), tzinfo=UTC) - BEFORE
    start += timedelta(seconds=random.randrange(40_000))
    async with virtual_board(start=start, config=QUIET, seed=seed) as (board, clock):
        calendars = [
            await board.create_calendar(calendar)
            for calendar in random_calendars(random, start, CALENDARS)
        ]
        promises = [
            await promised(board, clock, random, f"t{index}", calendars) for index in range(CROWD)
        ]
        await clock.advance(LENGTH.total_seconds())
        due = await due_of_runs(board)
        return sum([await check_promise(board, promise, due, seed) for promise in promises])


async def due_of_runs(board: Callboard) -> dict[int, datetime]:
    """When each run is due, by its id."""
    due: dict[int, datetime] = {}
    before: int | None = None
    while page := await board.list_runs(RunFilter(before_id=before, limit=ALL)):
        due.update((run.id, run.due_at) for run in page)
        before = page[-1].id
    return due


async def check_promise(
    board: Callboard, promise: Promise, due: Mapping[int, datetime], seed: int
) -> int:
    """How many slots the trigger had in the window."""
    where = f"seed {seed}: {promise.trigger}"
    name = promise.trigger.name
    now = await board.get_trigger("default", name)
    ledger = await board.read_ledger(
        "default", name, since=promise.until - LENGTH, until=promise.until, limit=ALL
    )
    assert Decision.PENDING not in {view.decision for view in ledger}, where
    until = decided_until(promise, now)
    kept = [view for view in promise.preview if view.slot <= until]
    assert facts(ledger) == facts(kept), where
    for view in ledger:
        assert [due[run_id] for run_id in view.run_ids] == starts(view), where
    found = account(promise, ledger, until)
    assert found == [], f"{where}: {found}"
    await check_part(board, promise, ledger, until, Random(f"{seed} {name}"))
    return sum(view.count for view in ledger)


async def check_part(
    board: Callboard,
    promise: Promise,
    ledger: Sequence[SlotView],
    decided: datetime,
    random: Random,
) -> None:
    """Of a part of the window the same is told; what reaches beyond it may be cut off there."""
    trigger = promise.trigger
    since = promise.until - LENGTH * random.random()
    until = since + (promise.until - since) * random.random()
    part = await board.read_ledger("default", trigger.name, since=since, until=until, limit=ALL)
    whole = [view for view in ledger if (view.until or view.slot) >= since and view.slot < until]
    assert set(singles(part)) >= set(singles(whole)), trigger
    assert {view.slot for view in part} <= {view.slot for view in whole}, trigger
    low, high = max(since, trigger.cursor + MICROSECOND), min(until - MICROSECOND, decided)
    for point in naive_points(trigger, low, high):
        told = [view for view in part if view.slot <= point <= (view.until or view.slot)]
        assert len(told) == 1, (trigger, point)


def firing(views: Sequence[SlotView]) -> list[SlotView]:
    return [view for view in views if view.reason is None]


def singles(views: Sequence[SlotView]) -> list[SlotView]:
    return [view for view in views if view.until is None]


def decided_until(promise: Promise, now: Trigger) -> datetime:
    """The last instant whose slot, if there is one, must have been decided."""
    last = promise.until - MICROSECOND
    # Behind its last firing no slot is promised; nor where calendars leave none for years to come.
    if (now.is_spent or now.state is TriggerState.PARKED) and now.last_slot is not None:
        return min(last, now.last_slot)
    return last


def facts(views: Sequence[SlotView]) -> list[tuple[object, ...]]:
    """What is said of slots before and after: fired where they are to fire, or skipped and why."""
    return [
        (view.slot, view.until, view.count, view.reason, view.starts_at, view.local, view.marks)
        for view in views
    ]


def starts(view: SlotView) -> list[datetime]:
    assert (view.decision is Decision.FIRED) is (view.reason is None)
    return [] if view.starts_at is None else [view.starts_at]


def account(promise: Promise, ledger: Sequence[SlotView], until: datetime) -> list[str]:
    """How the ledger differs from the slots as the schedule and its calendars alone give them."""
    trigger = promise.trigger
    points = naive_points(trigger, trigger.cursor + MICROSECOND, until)
    paused_until = promise.paused_until or trigger.cursor
    found = []
    for view in ledger:
        last = view.until or view.slot
        mine = [point for point in points if view.slot <= point <= last]
        weight = sum(points.pop(point) or 1 for point in mine if point in points)
        is_sound = bool(mine) and (mine[0], mine[-1], weight) == (view.slot, last, view.count)
        if not is_sound or (view.reason is SkipReason.PAUSED) != (view.slot < paused_until):
            found.append(f"{view} is made of {mine}, {weight} slots")
    return [*found, *(f"{point} is in no row" for point in points)]


@pytest.mark.parametrize(("day", "fired"), [(27, [28]), (28, [])])
async def test_a_slot_that_the_clocks_lose_is_told_also_where_none_comes_behind_it(
    day: int, fired: list[int]
) -> None:
    start = datetime(2026, 3, day, 12, tzinfo=UTC)
    end, gap = datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)
    async with virtual_board(start=start, config=QUIET) as (board, clock):
        await board.define(tick)
        nightly = cron("30 2 * * *", zone="Europe/Prague", gap="skip")
        await board.schedule("t", nightly, tick, end_at=end)
        preview = await board.list_slots("default", "t", since=start, until=end)
        await clock.advance_to(end)
        ledger = await board.read_ledger("default", "t", since=start, until=end)
        assert facts(ledger) == facts(preview)
        assert [view.slot.day for view in firing(ledger)] == fired
        assert (ledger[-1].slot, ledger[-1].reason) == (gap, SkipReason.DST_GAP)
        state = (await board.get_trigger("default", "t")).state
        assert state is TriggerState.COMPLETED


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_ledger_is_the_preview_of_random_triggers(seed: int) -> None:
    assert await check_window(seed) > CROWD


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_the_ledger_is_the_preview_of_ten_thousand_random_triggers() -> None:
    slots = [await check_window(1000 + window) for window in range(10_000 // CROWD)]
    assert sum(slots) > 10 * 10_000
