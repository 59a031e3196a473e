"""Edits of triggers while slots are due, runs wait and runs live: nothing is lost, none doubled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callboard import (
    Callboard,
    MisfirePolicy,
    RunState,
    Trigger,
    TriggerState,
    at,
    cron,
    every,
    job,
)
from callboard.commands import ParkTrigger
from callboard.domain.schedule import Delay
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName
from callboard.errors import StaleVersion
from callboard.testing import VirtualClock
from support.boards import all_runs

HOUR = timedelta(hours=1)
HOUR_S = 3600.0
MINUTE_S = 60.0


@job()
async def tick() -> None:
    pass


@pytest.fixture
def long(clock: VirtualClock) -> Callable[..., Any]:
    """A job of an hour and a half."""

    @job(name="long")
    async def work() -> None:
        await clock.sleep_until(clock.monotonic() + 1.5 * HOUR_S)

    return work


async def test_m13_an_edit_between_slot_and_start_leaves_the_run_that_waits(
    board: Callboard, clock: VirtualClock
):
    await board.define(tick)
    trigger = await board.schedule("t", every(hours=1), tick, flexible_window_s=1800.0)
    await clock.advance(HOUR_S + 0.001)
    (run,) = await all_runs(board)
    assert run.state is RunState.QUEUED
    await board.schedule("t", every(hours=7), tick, flexible_window_s=1800.0)
    await clock.advance(HOUR_S)
    (run,) = await all_runs(board)
    assert (run.state, run.slot) == (RunState.SUCCEEDED, trigger.next_slot)
    assert run.started_at is not None
    assert run.started_at >= run.due_at > trigger.next_slot


@pytest.mark.parametrize(
    "change",
    [
        {"jitter_s": 5.0},
        {"flexible_window_s": 5.0},
        {"misfire": MisfirePolicy(grace_s=5.0)},
        {"overlap": OverlapPolicy(policy=OverlapPolicyName.SKIP)},
        {"description": "another"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_an_edit_of_anything_but_the_timing_keeps_the_place_in_time(
    board: Callboard, clock: VirtualClock, change: dict[str, Any]
):
    await board.define(tick)
    await board.schedule("t", every(hours=1), tick)
    await clock.advance(1.5 * HOUR_S)
    before = await board.get_trigger("default", "t")
    after = await board.schedule("t", every(hours=1), tick, **change)
    assert after.version == before.version + 1
    assert place_of(after) == place_of(before)


def place_of(trigger: Trigger) -> tuple[object, ...]:
    fields = ["state", "next_slot", "last_slot", "generation", "anchor_at", "firings"]
    return tuple(getattr(trigger, field) for field in fields)


async def test_m15_an_equal_definition_begins_no_generation(board: Callboard, clock: VirtualClock):
    await board.define(tick)
    options = {"jitter_s": 5.0, "flexible_window_s": 1.0, "max_firings": 9}
    await board.schedule("t", cron("H * * * *"), tick, **options)
    await clock.advance(1.5 * HOUR_S)
    before = await board.get_trigger("default", "t")
    assert await board.schedule("t", cron("H * * * *"), tick, **options) == before


async def test_m14_of_two_editors_the_second_is_told(board: Callboard):
    await board.define(tick)
    trigger = await board.schedule("t", every(hours=1), tick)
    first, second = (replace(trigger, schedule=every(hours=hours)) for hours in (2, 3))
    await board.replace_trigger(first, expected_version=1)
    with pytest.raises(StaleVersion):
        await board.replace_trigger(second, expected_version=1)
    assert (await board.get_trigger("default", "t")).schedule == every(hours=2)


async def test_d09_an_edited_zone_decides_no_slot_twice(open_board, clock: VirtualClock):
    idle = await open_board(fires=False)
    await idle.define(tick)
    await idle.schedule("t", cron("0 1 * * *", zone="UTC"), tick)
    await clock.advance(HOUR_S)
    edited = await idle.schedule("t", cron("0 2 * * *", zone="Europe/Berlin"), tick)
    (run,) = await all_runs(idle)
    assert run.slot == clock.now()
    assert edited.next_slot == clock.now() + 24 * HOUR


async def test_m20_the_queued_and_running_runs_of_a_deleted_trigger_stay(
    board: Callboard, clock: VirtualClock, long: Callable[..., Any]
):
    await board.define(long)
    await board.schedule("t", every(hours=1), "long")
    await board.schedule("u", every(hours=1), "long", flexible_window_s=1000.0)
    await clock.advance(HOUR_S + 0.001)
    states = [run.state for run in await all_runs(board)]
    assert states == [RunState.RUNNING, RunState.QUEUED]
    for name in "tu":
        await board.delete_trigger("default", name)
    await clock.advance(3 * HOUR_S)
    runs = await all_runs(board)
    assert [run.state for run in runs] == [RunState.SUCCEEDED] * 2
    assert [run.trigger for run in runs] == ["t", "u"]


@pytest.mark.parametrize("change", ["edit", "activate", "resume"])
async def test_a_delay_that_is_changed_while_a_run_lives_waits_for_its_end(
    board: Callboard, clock: VirtualClock, long: Callable[..., Any], change: str
):
    await board.define(long)
    await board.schedule("t", Delay(after_s=MINUTE_S), "long")
    end = clock.now() + timedelta(minutes=91)
    await clock.advance(2 * MINUTE_S)
    if change == "edit":
        await board.schedule("t", Delay(after_s=2 * MINUTE_S), "long")
    elif change == "activate":
        await board.deactivate_trigger("default", "t")
        await board.activate_trigger("default", "t")
    else:
        await board.pause_trigger("default", "t")
        await clock.advance(10 * MINUTE_S)
        await board.resume_trigger("default", "t")
    assert (await board.get_trigger("default", "t")).next_slot is None
    await clock.advance_to(end + timedelta(seconds=1))
    (run,) = await all_runs(board)
    assert run.ended_at == end
    waiting = await board.get_trigger("default", "t")
    factor = 2 if change == "edit" else 1
    assert waiting.next_slot == end + timedelta(seconds=factor * MINUTE_S)


async def test_another_schedule_of_a_completed_trigger_wakes_it(
    board: Callboard, clock: VirtualClock
):
    await board.define(tick)
    await board.schedule("t", at(clock.now() + HOUR), tick)
    await clock.advance(2 * HOUR_S)
    assert (await board.get_trigger("default", "t")).state is TriggerState.COMPLETED
    edited = await board.schedule("t", at(clock.now() + HOUR), tick)
    assert (edited.state, edited.generation) == (TriggerState.ACTIVE, 2)
    await clock.advance(2 * HOUR_S)
    assert len(await all_runs(board)) == 2


async def test_a_trigger_that_moved_on_is_not_parked_for_what_it_was(
    board: Callboard, clock: VirtualClock
):
    await board.define(tick)
    seen = await board.schedule("t", every(hours=1), tick)
    await clock.advance(HOUR_S)
    await board._ask(ParkTrigger(trigger=seen, reason="it was not understood"))
    assert (await board.get_trigger("default", "t")).state is TriggerState.ACTIVE
    seen = await board.get_trigger("default", "t")
    await board._ask(ParkTrigger(trigger=seen, reason="it was not understood"))
    parked = await board.get_trigger("default", "t")
    assert (parked.state, parked.reason) == (TriggerState.PARKED, "it was not understood")
    assert (parked.firings, parked.last_slot) == (1, clock.now())


async def test_a_start_in_the_future_is_kept_by_an_edit(board: Callboard, clock: VirtualClock):
    await board.define(tick)
    start = datetime(2026, 1, 5, tzinfo=UTC)
    await board.schedule("t", every(hours=1), tick, start_at=start)
    edited = await board.schedule("t", cron("0 * * * *"), tick, start_at=start)
    assert edited.next_slot == start
