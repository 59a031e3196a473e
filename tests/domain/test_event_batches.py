"""Event triggers: which events make which slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.event_batches import gathering, told
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.misfire import is_due, plan_slots
from callboard.domain.outlook import outlook
from callboard.domain.pause import Missed, paused, resumed
from callboard.domain.schedule import Event, Schedule, on_event, schedule_from_json
from callboard.domain.settle import settled
from callboard.domain.trigger import (
    Action,
    MisfirePolicy,
    MisfirePolicyName,
    Trigger,
    TriggerState,
    activated,
)
from callboard.errors import InvalidInput

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def listening(schedule: Schedule | None = None, **fields: object) -> Trigger:
    trigger = Trigger(
        name="t",
        schedule=schedule or on_event(batch_size=3, window_s=60),
        actions=(Action(job="load"),),
        **fields,  # type: ignore[arg-type]
    )
    return activated(trigger, NOW)


def fired(trigger: Trigger, now: datetime) -> tuple[list[tuple[datetime, int | None]], Trigger]:
    plan = plan_slots(trigger, now)
    assert all(entry.decision is Decision.FIRED for entry in plan.entries)
    return [(entry.slot, entry.events) for entry in plan.entries], plan.after


def test_it_waits_without_a_slot_until_it_is_told() -> None:
    trigger = listening()
    assert (trigger.state, trigger.next_slot) == (TriggerState.ACTIVE, None)
    assert not is_due(trigger, later(10**6))


def test_the_first_event_opens_the_window() -> None:
    trigger = told(listening(), 1, later(5))
    assert trigger.next_slot == later(65)
    assert told(trigger, 1, later(30)).next_slot == later(65)


def test_a_window_that_ends_fires_what_there_is() -> None:
    trigger = told(told(listening(), 1, later(5)), 1, later(30))
    slots, after = fired(trigger, later(66))
    assert slots == [(later(65), 2)]
    assert (after.next_slot, after.gathered, after.firings) == (None, None, 1)


def test_a_full_batch_is_due_at_once() -> None:
    trigger = told(told(listening(), 2, later(5)), 1, later(30))
    assert trigger.next_slot == later(30)
    assert fired(trigger, later(30))[0] == [(later(30), 3)]


def test_events_behind_a_due_batch_belong_to_batches_of_their_own() -> None:
    trigger = told(told(listening(), 3, later(1)), 5, later(2))
    slots, after = fired(trigger, later(2))
    assert slots == [(later(1), 3), (later(1) + MICROSECOND, 3)]
    assert after.gathered is not None
    assert (after.gathered.events, after.next_slot) == (2, later(62))


def test_one_event_a_batch_is_a_slot_for_every_event() -> None:
    slots, after = fired(told(listening(on_event()), 4, later(1)), later(1))
    assert [events for _, events in slots] == [1, 1, 1, 1]
    assert after.gathered is None


def test_a_flood_is_more_than_one_plan() -> None:
    trigger, taken = told(listening(on_event()), 2_500, later(1)), []
    while is_due(trigger, later(2)):
        slots, trigger = fired(trigger, later(2))
        taken.append(len(slots))
    assert taken == [1000, 1000, 500]
    assert trigger.gathered is None


def test_a_shorter_window_closes_what_an_older_one_gathered() -> None:
    known = told(listening(), 1, later(1)).gathered
    shorter = gathering(listening(on_event(batch_size=3, window_s=5)), known, 0, later(2))
    assert shorter.next_slot == later(7)


def test_the_last_slot_that_may_fire_takes_all() -> None:
    trigger = told(listening(on_event(), max_firings=2), 4, later(1))
    slots, after = fired(trigger, later(1))
    assert [events for _, events in slots] == [1, 3]
    assert after.state is TriggerState.COMPLETED


def test_a_window_ends_before_the_trigger_does() -> None:
    trigger = told(listening(end_at=later(30)), 1, later(5))
    assert trigger.next_slot == later(30) - MICROSECOND


def test_no_slot_comes_before_one_that_is_decided() -> None:
    trigger = replace(listening(on_event()), last_slot=later(100))
    assert told(trigger, 1, later(50)).next_slot == later(100) + MICROSECOND


def test_a_late_batch_is_a_misfire_and_what_was_told_behind_it_is_not() -> None:
    policy = MisfirePolicy(policy=MisfirePolicyName.SKIP, grace_s=10)
    trigger = told(told(listening(misfire=policy), 3, later(1)), 3, later(2))
    entries = plan_slots(trigger, later(100)).entries
    assert [(entry.reason, entry.events) for entry in entries] == [
        (SkipReason.MISFIRE, 3),
        (None, 3),
    ]


def test_a_late_batch_fires_by_the_usual_policy() -> None:
    trigger = told(listening(), 3, later(1))
    assert fired(trigger, later(10**5))[0] == [(later(1), 3)]


def test_the_batch_of_a_pause_is_skipped_with_it() -> None:
    trigger = paused(told(listening(), 2, later(1)), later(2), None)
    assert (trigger.next_slot, trigger.gathered is not None) == (None, True)
    plan = resumed(trigger, later(100), Missed.SKIP)
    assert [(entry.slot, entry.reason, entry.events) for entry in plan.entries] == [
        (later(61), SkipReason.PAUSED, 2)
    ]
    assert (plan.after.gathered, plan.after.next_slot) == (None, None)


def test_the_batch_of_a_pause_fires_where_it_is_caught_up() -> None:
    trigger = paused(told(listening(), 2, later(1)), later(2), None)
    plan = resumed(trigger, later(100), Missed.CATCH_UP)
    assert [(entry.slot, entry.decision) for entry in plan.entries] == [(later(61), Decision.FIRED)]


def test_a_window_that_outlasts_the_pause_goes_on() -> None:
    trigger = paused(told(listening(), 2, later(1)), later(2), None)
    plan = resumed(trigger, later(30), Missed.SKIP)
    assert (plan.entries, plan.after.next_slot) == ((), later(61))


def test_the_end_of_a_timed_pause_decides_as_a_resume() -> None:
    trigger = paused(told(listening(), 2, later(1)), later(2), later(100))
    plan = plan_slots(trigger, later(200))
    assert [entry.reason for entry in plan.entries] == [SkipReason.PAUSED]
    assert plan.after.state is TriggerState.ACTIVE


def test_a_pause_is_settled_with_its_batch() -> None:
    trigger = paused(told(listening(), 2, later(1)), later(2), None)
    plan = settled(trigger, later(100))
    assert plan is not None
    assert [entry.events for entry in plan.entries] == [2]
    assert settled(plan.after, later(100)) is None


def test_an_activation_begins_empty() -> None:
    assert activated(told(listening(), 2, later(1)), later(2)).gathered is None


def test_the_slot_to_come_is_foreseen() -> None:
    trigger = told(listening(), 2, later(1))
    (entry,) = outlook(trigger, now=later(2), since=NOW, until=later(900))
    assert (entry.slot, entry.decision, entry.events) == (later(61), Decision.PENDING, 2)


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        ({"batch_size": 0}, "batch_size", "0 is not in 1-100"),
        ({"batch_size": 101}, "batch_size", "101 is not in 1-100"),
        ({"batch_size": True}, "batch_size", "is a bool, not a whole number"),
        ({"window_s": 0.5}, "window_s", "0.5 is outside 1 to 900"),
        ({"window_s": 901}, "window_s", "901 is outside 1 to 900"),
        ({"window_s": "60"}, "window_s", "is a str, not a number of seconds"),
        ({"size": 1}, "size", "schedules of kind event have no such field"),
    ],
)
def test_a_wrong_batch_is_refused(document: dict[str, object], field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        schedule_from_json({"kind": "event", **document})
    (problem,) = caught.value.problems
    assert problem.field == field
    assert words in problem.reason


def test_it_obeys_no_calendar() -> None:
    from callboard.domain.calendar_rule import CalendarRule

    with pytest.raises(InvalidInput, match="event triggers obey none"):
        listening(calendars=(CalendarRule(calendar="holidays"),))


@given(
    size=st.integers(1, 5),
    steps=st.lists(st.tuples(st.integers(0, 100), st.integers(1, 12), st.booleans()), max_size=20),
)
def test_every_event_is_in_exactly_one_slot(size: int, steps: list[tuple[int, int, bool]]) -> None:
    trigger, now, given_events = listening(Event(batch_size=size, window_s=60)), NOW, 0
    taken: list[int] = []
    slots: list[datetime] = []
    for wait_s, count, decides in steps:
        now += timedelta(seconds=wait_s)
        trigger = told(trigger, count, now)
        given_events += count
        if decides and is_due(trigger, now):
            plan = plan_slots(trigger, now)
            trigger = plan.after
            taken += [entry.events or 0 for entry in plan.entries]
            slots += [entry.slot for entry in plan.entries]
    left = trigger.gathered.events if trigger.gathered is not None else 0
    assert sum(taken) + left == given_events
    assert all(1 <= events <= size for events in taken)
    assert slots == sorted(set(slots))
    assert trigger.next_slot is None or trigger.next_slot > (slots[-1] if slots else NOW)
