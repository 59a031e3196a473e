"""Calendars, shifts and gaps in a trigger's promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarMode, CalendarRule, Shift
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.misfire import is_due, plan_slots
from callboard.domain.schedule import at, cron, every, on_demand
from callboard.domain.trigger import (
    Action,
    MisfirePolicy,
    OverlapPolicy,
    OverlapPolicyName,
    Trigger,
    TriggerState,
    activated,
)
from callboard.errors import InvalidInput

START = datetime(2026, 12, 1, tzinfo=UTC)
"""A Tuesday."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEKEND = {"kind": "weekly", "hours": {"sat": [["00:00", "24:00"]], "sun": [["00:00", "24:00"]]}}
NO_GRACE = MisfirePolicy(grace_s=0)
OFFICE = {
    "kind": "weekly",
    "hours": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}


def rule(definition: dict[str, Any], **fields: Any) -> CalendarRule:
    name = fields.pop("name", "off")
    return CalendarRule(
        calendar=name, definition=Calendar(name=name, definition=definition), **fields
    )


def trigger(schedule: Any, *rules: CalendarRule, now: datetime = START, **fields: Any) -> Trigger:
    one = Trigger(
        name="t", id=1, schedule=schedule, actions=(Action(job="j"),), calendars=rules, **fields
    )
    return activated(one, now)


def rows(entries: tuple[LedgerEntry, ...]) -> list[tuple[str, datetime, int]]:
    return [(entry.reason or entry.decision, entry.slot, entry.count) for entry in entries]


def slots(one: Trigger, count: int) -> list[datetime]:
    found, after = [], one.cursor
    while len(found) < count and (slot := one.slot_after(after)) is not None:
        found.append(slot)
        after = slot
    return found


def test_slots_that_a_calendar_leaves_out_are_passed_over():
    one = trigger(cron("0 9 * * *"), rule(WEEKEND))
    assert [slot.day for slot in slots(one, 6)] == [1, 2, 3, 4, 7, 8]


def test_an_included_calendar_leaves_only_its_own_slots():
    one = trigger(cron("0 * * * *"), rule(OFFICE, mode=CalendarMode.INCLUDE))
    assert [(slot.day, slot.hour) for slot in slots(one, 9)] == [
        *((1, hour) for hour in range(9, 17)),
        (2, 9),
    ]


def test_a_slot_stays_only_where_every_rule_leaves_it():
    holiday = {"kind": "dates", "dates": ["2026-12-02"]}
    rules = (rule(WEEKEND), rule(holiday, name="holidays"))
    one = trigger(cron("0 9 * * *"), *rules)
    assert [slot.day for slot in slots(one, 4)] == [1, 3, 4, 7]


def test_a_left_out_stretch_is_one_row_with_the_next_firing():
    one = trigger(cron("0 * * * *"), rule(WEEKEND), now=START + 4 * DAY - HOUR)
    monday = START + 6 * DAY
    assert one.next_slot == monday
    plan = plan_slots(one, monday)
    assert rows(plan.entries) == [("calendar", START + 4 * DAY, 48), ("fired", monday, 1)]


def test_a_two_week_outage_of_five_second_slots_is_a_few_rows_a_day():
    """M03, T02 with calendars."""
    one = trigger(every(seconds=5), rule(OFFICE, mode=CalendarMode.INCLUDE), misfire=NO_GRACE)
    plan = plan_slots(one, START + 14 * DAY + timedelta(hours=10))
    assert len(plan.entries) < 2 * 14 + 3
    assert sum(entry.count for entry in plan.entries) == (14 * 24 + 10) * 720
    # The last missed one, and the one that is on time.
    assert [entry.decision for entry in plan.entries[-2:]] == [Decision.FIRED, Decision.FIRED]
    assert plan.entries[-1].slot == START + 14 * DAY + timedelta(hours=10)


def test_a_slot_moves_to_the_next_day_that_is_left():
    christmas = {"kind": "annual", "days": [["12-24", "12-26"]]}
    rules = (
        rule(christmas, shift=Shift.NEXT),
        rule(WEEKEND, name="weekend", shift=Shift.NEXT),
    )
    one = trigger(cron("0 9 25 * *"), *rules)
    # 2026-12-25 is a Friday; 27 is a Sunday.
    assert slots(one, 1) == [datetime(2026, 12, 28, 9, tzinfo=UTC)]
    plan = plan_slots(one, datetime(2026, 12, 28, 9, tzinfo=UTC))
    assert [entry.reason or entry.decision for entry in plan.entries] == ["calendar", "fired"]


def test_a_slot_moves_to_the_day_before():
    one = trigger(cron("0 9 5 * *"), rule(WEEKEND, shift=Shift.PREVIOUS))
    assert slots(one, 2) == [
        datetime(2026, 12, 4, 9, tzinfo=UTC),
        datetime(2027, 1, 5, 9, tzinfo=UTC),
    ]


def test_a_slot_that_moves_onto_another_one_is_that_one():
    daily = trigger(cron("0 9 * * *"), rule(WEEKEND, shift=Shift.NEXT))
    assert [slot.day for slot in slots(daily, 6)] == [1, 2, 3, 4, 7, 8]


def test_a_moved_slot_keeps_its_wall_time_when_the_clocks_change():
    one = trigger(
        cron("0 9 28 * *", zone="Europe/Prague"),
        rule({"kind": "dates", "zone": "Europe/Prague", "dates": ["2026-03-28"]}, shift=Shift.NEXT),
        now=datetime(2026, 3, 1, tzinfo=UTC),
    )
    assert slots(one, 1) == [datetime(2026, 3, 29, 7, tzinfo=UTC)]


def test_a_calendar_that_leaves_nothing_is_refused_at_the_activation():
    for schedule in (cron("0 9 * * 6"), at(START + 4 * DAY)):
        with pytest.raises(InvalidInput, match=r"calendars: leave none of the trigger's slots"):
            trigger(schedule, rule(WEEKEND))


def test_a_trigger_whose_calendars_come_to_leave_nothing_is_parked():
    one = trigger(cron("0 9 * * 6,1"), rule(WEEKEND))
    mondays = {"kind": "weekly", "hours": {"mon": [["00:00", "24:00"]]}}
    closed = replace(one, calendars=(rule(WEEKEND), rule(mondays, name="m")))
    assert one.next_slot is not None
    plan = plan_slots(closed, one.next_slot)
    assert plan.after.state is TriggerState.PARKED
    assert plan.after.reason == "its calendars leave it no slot within 10 years"


def test_left_out_slots_before_the_end_are_written_before_it_is_completed():
    blackout = {"kind": "ranges", "ranges": [["2026-12-02T12:30:00Z", "2026-12-09T00:00:00Z"]]}
    one = trigger(cron("0 12 * * *"), rule(blackout), end_at=START + 5 * DAY)
    first = plan_slots(one, START + DAY / 2).after
    second = plan_slots(first, START + DAY * 3 / 2).after
    assert (second.state, second.next_slot) == (TriggerState.ACTIVE, START + DAY * 9 / 2)
    plan = plan_slots(second, START + DAY * 9 / 2)
    assert rows(plan.entries) == [("calendar", START + DAY * 5 / 2, 3)]
    assert plan.after.state is TriggerState.COMPLETED


def test_slots_that_a_gap_swallows_for_good_are_one_row():
    one = trigger(
        cron("*/15 * * * *", zone="Europe/Prague"), now=datetime(2026, 3, 29, 0, 50, tzinfo=UTC)
    )
    gap = datetime(2026, 3, 29, 1, tzinfo=UTC)
    # A slot falls on the very end of that gap: it is that instant's answer.
    assert rows(plan_slots(one, gap).entries) == [("fired", gap, 1)]
    nightly = trigger(
        cron("15,45 2 * * *", zone="Europe/Prague", gap="skip"),
        now=datetime(2026, 3, 28, 12, tzinfo=UTC),
    )
    plan = plan_slots(nightly, datetime(2026, 3, 30, 0, 15, tzinfo=UTC))
    assert rows(plan.entries) == [
        (SkipReason.DST_GAP, gap, 2),
        (Decision.FIRED, datetime(2026, 3, 30, 0, 15, tzinfo=UTC), 1),
    ]


def test_a_zone_of_a_calendar_that_is_gone_is_named():
    gone = {"kind": "dates", "zone": "Atlantis/Main", "dates": ["2026-01-01"]}
    broken = CalendarRule(calendar="x", definition=Calendar(id=3, name="x", definition=gone))
    one = replace(trigger(cron("0 9 * * *")), calendars=(broken,))
    with pytest.raises(InvalidInput, match=r"calendars\[0\]\.zone"):
        plan_slots(one, START + DAY)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"jitter_s": -1.0}, "jitter_s"),
        ({"jitter_s": float("nan")}, "jitter_s"),
        ({"overlap": OverlapPolicy(policy=OverlapPolicyName.SKIP, limit=2)}, "overlap.limit"),
        ({"overlap": OverlapPolicy(limit=0)}, "overlap.limit"),
        ({"overlap": OverlapPolicy(policy=OverlapPolicyName.BUFFER, limit=10_001)}, "overlap"),
        ({"flexible_window_s": 7 * 86_400.1}, "flexible_window_s"),
        ({"calendars": (CalendarRule(calendar="a"), CalendarRule(calendar="a"))}, "calendars[1]"),
        ({"calendars": (CalendarRule(calendar="a b"),)}, "calendars[0].calendar"),
        ({"calendars": (CalendarRule(calendar="a", shift=Shift.NEXT),)}, "calendars[0].shift"),
    ],
)
def test_wrong_fields_of_a_trigger_are_named(fields: dict[str, Any], field: str):
    with pytest.raises(InvalidInput) as caught:
        Trigger(name="t", schedule=every(minutes=1), actions=(Action(job="j"),), **fields)
    assert caught.value.problems[0].field.startswith(field)


def test_an_unknown_calendar_is_named():
    one = Trigger(
        name="t",
        schedule=cron("0 9 * * *"),
        actions=(Action(job="j"),),
        calendars=(CalendarRule(calendar="nope"),),
    )
    with pytest.raises(InvalidInput, match="there is no calendar 'nope'"):
        activated(one, START)


def test_a_hashed_cron_text_is_hashed_with_the_name_of_its_trigger():
    one = trigger(cron("H H * * *"))
    assert one.schedule.hash_key == "default/t"
    assert replace(one, description="edited").timing == one.timing
    assert not is_due(trigger(on_demand()), START + DAY)


def test_a_slot_that_lies_far_ahead_is_found():
    far = START + 40 * 366 * DAY
    assert trigger(at(far), rule(WEEKEND, mode=CalendarMode.EXCLUDE)).next_slot == far


def test_m13_jitter_and_window_are_no_timing_so_an_edit_of_them_loses_nothing():
    one = trigger(cron("0 9 * * *"))
    assert replace(one, jitter_s=60.0, flexible_window_s=600.0).timing == one.timing


def test_a_slot_beyond_the_end_may_move_before_it():
    friday = {"kind": "dates", "dates": ["2026-12-04"]}
    one = trigger(
        cron("0 9 8 * *"),
        rule(friday, mode=CalendarMode.INCLUDE, shift=Shift.PREVIOUS),
        end_at=START + 5 * DAY,
    )
    assert one.next_slot == datetime(2026, 12, 4, 9, tzinfo=UTC)
    plan = plan_slots(one, datetime(2026, 12, 4, 9, tzinfo=UTC))
    assert plan.after.state is TriggerState.COMPLETED


def test_a_slot_moves_no_further_than_a_month():
    closed = {"kind": "dates", "dates": [["2026-12-10", "2027-02-20"]]}
    one = trigger(cron("0 9 20 * *"), rule(closed, shift=Shift.NEXT))
    # That of December would move 63 days, that of January 32, that of February one.
    assert [(slot.month, slot.day) for slot in slots(one, 2)] == [(2, 21), (3, 20)]
    early = {"kind": "dates", "dates": [["2026-12-10", "2027-01-25"]]}
    assert slots(trigger(cron("0 9 20 12 *"), rule(early, shift=Shift.NEXT)), 1)[0].year == 2027
    assert slots(trigger(cron("0 9 20 12 *"), rule(early, shift=Shift.NEXT)), 1)[0].month == 12
