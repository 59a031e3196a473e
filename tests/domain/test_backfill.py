"""Backfills: what may be asked for, which slots come next, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.backfill import (
    ENDED,
    TRANSITIONS,
    Backfill,
    BackfillEvent,
    BackfillState,
    NewBackfill,
    changed,
    finished,
)
from callboard.domain.backfill_plan import (
    FiringState,
    NextSlots,
    count_between,
    decided,
    firing_state,
    next_slots,
    planned,
    room_for,
    slots_from,
)
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.schedule import (
    CalendarInterval,
    Delay,
    Schedule,
    at,
    cron,
    every,
    on_demand,
    on_event,
)
from callboard.domain.states import RunState
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName, Trigger, TriggerState
from callboard.errors import Conflict, InvalidInput
from support.factories import NOW, after, make_trigger

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def hourly(**changes: Any) -> Trigger:
    """A trigger at every full hour, whose next slot is NOW + 1 h."""
    values = {"schedule": cron("0 * * * *"), "id": 7, **changes}
    return make_trigger(**values)


def new(**changes: Any) -> NewBackfill:
    """Of the day before NOW."""
    values = {"trigger": "hourly", "from_at": NOW - DAY, "until_at": NOW, **changes}
    return NewBackfill(**values)


def backfill(trigger: Trigger | None = None, **changes: Any) -> Backfill:
    return replace(planned(new(), trigger or hourly(), NOW), id=1, **changes)


def field_of(error: pytest.ExceptionInfo[InvalidInput]) -> str:
    return error.value.problems[0].field


# what may be asked for


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trigger", ""),
        ("until_at", NOW - DAY),
        ("until_at", NOW - DAY - HOUR),
        ("from_at", datetime(2026, 1, 1)),  # noqa: DTZ001 - that is the fault
        ("max_concurrent", 0),
        ("max_concurrent", 1001),
        ("max_concurrent", True),
        ("overlap", "skip"),
        ("force", 1),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any):
    with pytest.raises(InvalidInput) as error:
        new(**{field: value})
    assert field_of(error) == field


def test_instants_of_any_zone_become_utc():
    prague = datetime(2025, 12, 31, 1, tzinfo=ZoneInfo("Europe/Prague"))
    assert new(from_at=prague).from_at == datetime(2025, 12, 31, tzinfo=UTC)
    assert new(from_at=prague).from_at.tzinfo is UTC


@pytest.mark.parametrize(
    "trigger",
    [
        hourly(schedule=on_demand()),
        hourly(schedule=on_event()),
        hourly(schedule=Delay(after_s=60)),
        hourly(schedule=cron("@reboot")),
        make_trigger(schedule=every(hours=1), anchor_at=None),
    ],
    ids=["on demand", "event", "delay", "@reboot", "an interval that was never active"],
)
def test_a_trigger_without_computable_slots_is_refused(trigger: Trigger):
    trigger = replace(trigger, state=TriggerState.INACTIVE, next_slot=None)
    with pytest.raises(InvalidInput) as error:
        planned(new(), trigger, NOW)
    assert field_of(error) == "trigger"


def test_slots_to_come_are_refused():
    with pytest.raises(InvalidInput, match="future") as error:
        planned(new(until_at=NOW + MICROSECOND), hourly(), NOW)
    assert field_of(error) == "until_at"


@pytest.mark.parametrize(
    "schedule", [every(hours=1), cron("rate(1 hour)", dialect="aws")], ids=["interval", "rate"]
)
def test_a_fixed_rate_has_no_slots_before_its_activation(schedule: Schedule):
    trigger = make_trigger(schedule=schedule, anchor_at=NOW - DAY, next_slot=after(3600))
    with pytest.raises(InvalidInput, match="activation") as error:
        planned(new(from_at=NOW - DAY - MICROSECOND), trigger, NOW)
    assert field_of(error) == "from_at"
    assert planned(new(), trigger, NOW).slots_total == 23


def test_an_interval_with_an_anchor_of_its_own_begins_there():
    trigger = make_trigger(schedule=every(hours=1, anchor_at=NOW - 2 * HOUR), anchor_at=NOW)
    assert planned(new(), trigger, NOW).slots_total == 2


def test_more_than_a_million_slots_are_refused_with_their_number():
    trigger = hourly(schedule=every(seconds=1, anchor_at=NOW - 20 * DAY))
    with pytest.raises(InvalidInput, match="1728000 slots"):
        planned(new(from_at=NOW - 20 * DAY), trigger, NOW)


def test_a_range_without_slots_is_completed_at_once():
    empty = planned(new(from_at=NOW - HOUR + MICROSECOND), hourly(), NOW)
    assert (empty.state, empty.slots_total, empty.ended_at) == (BackfillState.COMPLETED, 0, NOW)


def test_an_open_pause_is_not_backfilled():
    paused = hourly(
        state=TriggerState.PAUSED, next_slot=None, last_slot=NOW - 5 * HOUR, anchor_at=NOW - DAY
    )
    with pytest.raises(Conflict, match="resume it first") as error:
        planned(new(), paused, NOW)
    assert error.value.code == "trigger_paused"
    assert planned(new(until_at=NOW - 4 * HOUR), paused, NOW).slots_total == 20


# which slots


def test_the_range_is_half_open():
    """M12"""
    slots = list(slots_from(hourly(), NOW - 2 * HOUR, NOW))
    assert slots == [NOW - 2 * HOUR, NOW - HOUR]


def test_the_bounds_of_the_trigger_hold():
    trigger = hourly(start_at=NOW - 3 * HOUR, end_at=NOW - HOUR)
    slots = list(slots_from(trigger, NOW - DAY, NOW))
    assert slots == [NOW - 3 * HOUR, NOW - 2 * HOUR]
    assert count_between(trigger, NOW - DAY, NOW) == 2


def test_calendars_are_obeyed():
    """Excluded slots are neither counted nor fired."""
    blackout = ["2025-12-31T20:00:00Z", "2025-12-31T22:00:00Z"]
    calendar = Calendar(name="off", definition={"kind": "ranges", "ranges": [blackout]})
    trigger = hourly(calendars=(CalendarRule(calendar="off", definition=calendar),))
    slots = list(slots_from(trigger, NOW - DAY, NOW))
    assert len(slots) == 22
    assert not {NOW - 4 * HOUR, NOW - 3 * HOUR} & set(slots)
    assert count_between(trigger, NOW - DAY, NOW) == 22
    years = NOW - 1000 * DAY
    assert count_between(trigger, years, NOW) == 24 * 1000 - 2
    assert len(list(slots_from(trigger, years, NOW))) == 24 * 1000 - 2


def test_a_calendar_that_is_gone_is_named():
    trigger = hourly(calendars=(CalendarRule(calendar="gone"),))
    with pytest.raises(InvalidInput, match="gone"):
        planned(new(), trigger, NOW)


def test_a_calendar_interval_is_counted_by_its_own_date():
    monthly = CalendarInterval(months=1, at_local="02:00", anchor_on=date(2025, 1, 31))
    trigger = hourly(schedule=monthly)
    slots = list(slots_from(trigger, datetime(2025, 1, 1, tzinfo=UTC), NOW))
    assert [slot.day for slot in slots[:3]] == [31, 28, 31]
    assert count_between(trigger, datetime(2025, 1, 1, tzinfo=UTC), NOW) == len(slots) == 12


def test_a_range_may_begin_before_all_slots():
    assert count_between(hourly(), datetime.min.replace(tzinfo=UTC), NOW - 56 * 365 * DAY) > 0


def test_max_firings_does_not_count_backwards():
    trigger = hourly(max_firings=1, firings=1, state=TriggerState.COMPLETED, next_slot=None)
    assert count_between(trigger, NOW - DAY, NOW) == len(list(slots_from(trigger, NOW - DAY, NOW)))
    assert len(next_slots(backfill(trigger), trigger, 100).slots) == 24


@given(
    start=st.integers(-(10**6), 10**6),
    length=st.integers(0, 10**5),
    schedule=st.sampled_from(
        [
            cron("*/7 * * * *"),
            cron("30 2 * * *", zone="Europe/Prague"),
            every(seconds=601, anchor_at=NOW),
            at(NOW),
        ]
    ),
)
def test_the_total_is_the_number_of_the_slots(start: int, length: int, schedule: Any):
    trigger = hourly(schedule=schedule)
    since, until = after(start), after(start + length)
    assert count_between(trigger, since, until) == len(list(slots_from(trigger, since, until)))


def test_a_slot_that_waits_for_the_scheduler_ends_the_look_ahead():
    late = hourly(next_slot=NOW - 2 * HOUR)
    ahead = next_slots(backfill(), late, 100)
    assert ahead.slots[-1] == NOW - 3 * HOUR
    assert not ahead.is_end


def test_the_look_ahead_is_limited():
    assert len(next_slots(backfill(), hourly(), 24).slots) == 24
    assert next_slots(backfill(), hourly(), 24).is_end
    assert not next_slots(backfill(), hourly(), 23).is_end


# what becomes of them


def ahead(*hours: int, is_end: bool = False) -> NextSlots:
    return NextSlots(slots=tuple(NOW - DAY + hour * HOUR for hour in hours), is_end=is_end)


def test_slots_that_fired_before_are_passed_over():
    """M11"""
    slots = ahead(0, 1, 2, 3)
    step = decided(backfill(), slots, {slots.slots[0], slots.slots[2]}, 1)
    assert step.slots == (slots.slots[1],)
    assert (step.after.fired, step.after.skipped) == (1, 2)
    assert step.after.cursor_at == slots.slots[2] + MICROSECOND


def test_force_fires_them_again():
    """M11"""
    slots = ahead(0, 1)
    step = decided(backfill(force=True), slots, set(slots.slots), 5)
    assert (step.slots, step.after.skipped) == (slots.slots, 0)


def test_behind_the_last_slot_the_backfill_is_through():
    step = decided(backfill(), ahead(0, 1, is_end=True), set(), 2)
    assert step.after.is_through
    assert not decided(backfill(), ahead(0, 1, is_end=True), set(), 1).after.is_through
    assert not decided(backfill(), ahead(0, 1), set(), 2).after.is_through


@given(
    fired=st.sets(st.integers(0, 23)),
    rooms=st.lists(st.integers(0, 4), min_size=100, max_size=100),
    limit=st.integers(1, 30),
)
def test_step_by_step_every_slot_is_decided_once(fired: set[int], rooms: list[int], limit: int):
    trigger, one = hourly(), backfill()
    before = {NOW - DAY + hour * HOUR for hour in fired}
    started: list[datetime] = []
    for room in [*rooms, *[4] * 24]:
        if not one.is_through:
            step = decided(one, next_slots(one, trigger, limit), before, room)
            one, started = step.after, [*started, *step.slots]
    nominal = list(slots_from(trigger, one.from_at, one.until_at))
    assert started == [slot for slot in nominal if slot not in before]
    assert (one.decided, one.skipped) == (one.slots_total, len(before))
    assert one.is_through


ALLOW = OverlapPolicyName.ALLOW


@pytest.mark.parametrize(
    ("overlap", "policy", "own", "of_trigger", "room"),
    [
        ("trigger", OverlapPolicy(), 0, 50, 3),
        ("trigger", OverlapPolicy(), 3, 3, 0),
        ("trigger", OverlapPolicy(policy=ALLOW, limit=2), 0, 1, 1),
        ("trigger", OverlapPolicy(policy=ALLOW, limit=2), 0, 9, 0),
        ("trigger", OverlapPolicy(policy=OverlapPolicyName.SKIP), 0, 0, 1),
        ("trigger", OverlapPolicy(policy=OverlapPolicyName.BUFFER), 0, 1, 0),
        ("trigger", OverlapPolicy(policy=OverlapPolicyName.KILL_OLD), 0, 1, 0),
        ("allow", OverlapPolicy(policy=OverlapPolicyName.SKIP), 1, 9, 2),
    ],
)
def test_the_overlap_policy_is_waited_for(
    overlap: Any, policy: OverlapPolicy, own: int, of_trigger: int, room: int
):
    """M10: a backfill never skips a slot for it, and never stops what runs."""
    one = backfill(overlap=overlap, max_concurrent=3)
    assert room_for(one, policy, own=own, of_trigger=of_trigger) == room


S = RunState


@pytest.mark.parametrize(
    ("chains", "state"),
    [
        ([{1: S.SUCCEEDED}], FiringState.SUCCEEDED),
        ([{1: S.FAILED, 5: S.SUCCEEDED}], FiringState.SUCCEEDED),
        ([{1: S.FAILED, 5: S.QUEUED}], FiringState.LIVE),
        ([{1: S.SUCCEEDED}, {2: S.STOPPED}], FiringState.FAILED),
        ([{1: S.PARKED}, {2: S.SUCCEEDED}], FiringState.PARKED),
        ([{1: S.PARKED}, {2: S.LOST}], FiringState.LIVE),
        ([{1: S.SUCCEEDED}, {}], FiringState.FAILED),
    ],
)
def test_a_firing_ends_with_the_last_run_of_each_chain(
    chains: list[dict[int, RunState]], state: FiringState
):
    assert firing_state(chains) is state


# states


@pytest.mark.parametrize("state", BackfillState)
@pytest.mark.parametrize("event", BackfillEvent)
def test_only_the_table_changes_a_backfill(state: BackfillState, event: BackfillEvent):
    one = backfill(state=state, ended_at=NOW if state in ENDED else None)
    wanted = TRANSITIONS[state].get(event)
    if wanted is None:
        with pytest.raises(Conflict, match="cannot"):
            changed(one, event, NOW)
        return
    after_it = changed(one, event, NOW)
    assert after_it.state is wanted
    assert (after_it.ended_at is None) is (wanted not in ENDED)


@pytest.mark.parametrize("event", [BackfillEvent.PAUSE, BackfillEvent.CANCEL])
def test_asking_twice_changes_nothing(event: BackfillEvent):
    once = changed(backfill(), event, NOW, "why")
    assert changed(once, event, after(9), "why else") is once


def test_resuming_forgets_the_reason():
    paused = changed(backfill(), BackfillEvent.PAUSE, NOW, "a job is disabled")
    assert changed(paused, BackfillEvent.RESUME, NOW).reason is None


def test_it_is_finished_when_every_slot_is_decided_and_nothing_is_live():
    through = backfill(cursor_at=NOW, fired=2, succeeded=1, skipped=22)
    assert finished(through, NOW) is through
    assert finished(replace(through, failed=1), NOW).state is BackfillState.COMPLETED
    assert finished(backfill(), NOW).state is BackfillState.RUNNING
