"""Plans made ahead of their instant: the same plans, and whoever changes a trigger is in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callboard import Action, Callboard, Trigger, every, job
from callboard.domain.misfire import plan_slots
from callboard.domain.trigger import activated
from callboard.errors import InvalidInput
from callboard.plans_ahead import AHEAD, CROWD, PlansAhead
from callboard.testing import VirtualClock
from support.boards import all_runs

HOUR = timedelta(hours=1)
TURN_S = 0.005


@job()
async def tick() -> None:
    pass


@pytest.fixture
def ahead(clock: VirtualClock) -> PlansAhead:
    return PlansAhead(clock=clock, turn_s=TURN_S)


def hourly(clock: VirtualClock, number: int = 1) -> Trigger:
    trigger = Trigger(
        name=f"t{number}", schedule=every(hours=1), actions=(Action(job="tick"),), id=number
    )
    return activated(trigger, clock.now())


async def test_what_is_taken_when_it_is_due_is_the_plan_of_that_instant(
    ahead: PlansAhead, clock: VirtualClock
):
    triggers = {each.id: each for each in (hourly(clock, number) for number in range(1, 500))}
    await ahead.make(triggers.keys(), triggers)
    late = clock.now() + HOUR + timedelta(milliseconds=3)
    for trigger in triggers.values():
        assert ahead.take(trigger, late) == plan_slots(trigger, late)


async def test_nothing_is_taken_before_the_instant(ahead: PlansAhead, clock: VirtualClock):
    trigger = hourly(clock)
    await ahead.make([1], {1: trigger})
    assert ahead.take(trigger, clock.now() + HOUR - timedelta(microseconds=1)) is None


async def test_a_slot_that_is_missed_by_then_is_planned_anew(
    ahead: PlansAhead, clock: VirtualClock
):
    trigger = hourly(clock)
    await ahead.make([1], {1: trigger})
    assert ahead.take(trigger, clock.now() + HOUR + timedelta(seconds=60.000001)) is None


async def test_a_trigger_that_was_changed_is_planned_anew(ahead: PlansAhead, clock: VirtualClock):
    trigger = hourly(clock)
    await ahead.make([1], {1: trigger})
    assert ahead.take(replace(trigger, firings=1), clock.now() + HOUR) is None


async def test_a_trigger_that_was_read_again_unchanged_keeps_its_plan(
    ahead: PlansAhead, clock: VirtualClock
):
    trigger, again = hourly(clock), replace(hourly(clock))
    await ahead.make([1], {1: trigger})
    await ahead.make([1], {1: again})
    plan = ahead.take(again, clock.now() + HOUR)
    assert plan is not None
    assert plan.before is again


async def test_plans_of_what_is_not_named_again_are_forgotten(
    ahead: PlansAhead, clock: VirtualClock
):
    trigger = hourly(clock)
    await ahead.make([1], {1: trigger})
    await ahead.make([2], {2: hourly(clock, 2)})
    assert ahead.take(trigger, clock.now() + HOUR) is None


async def test_what_cannot_be_planned_is_left_for_its_instant(
    ahead: PlansAhead, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
):
    def refuse(_: Trigger) -> None:
        raise InvalidInput

    monkeypatch.setattr("callboard.plans_ahead.plan_on_time", refuse)
    await ahead.make([1], {1: hourly(clock)})
    assert ahead.take(hourly(clock), clock.now() + HOUR) is None


async def test_a_crowd_fires_at_its_instant_and_a_pause_or_an_edit_just_before_counts(
    board: Callboard, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
):
    await board.define(tick)
    triggers = [
        Trigger(name=f"t{number}", schedule=every(hours=1), actions=(Action(job="tick"),))
        for number in range(CROWD + 10)
    ]
    await board.create_triggers(triggers)
    due = clock.now() + HOUR
    await clock.advance(3600 - AHEAD.total_seconds() / 2)
    made_at_the_instant = []
    monkeypatch.setattr("callboard.domain.misfire.plan_on_time", made_at_the_instant.append)
    await board.pause_trigger("default", "t0")
    await board.schedule("t1", every(hours=2), tick)
    await board.delete_trigger("default", "t2")
    await clock.advance(AHEAD.total_seconds())
    runs = await all_runs(board)
    names = {run.trigger for run in runs}
    assert names == {each.name for each in triggers} - {"t0", "t1", "t2"}
    assert {(run.slot, run.created_at) for run in runs} == {(due, due)}
    assert made_at_the_instant == []
