"""The ledger and the preview as one list."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule, Shift
from callboard.domain.collision import mark_collisions
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.misfire import plan_slots
from callboard.domain.pause import paused
from callboard.domain.schedule import cron, every
from callboard.domain.slot import SlotView, decided_views, pending_slots, view_slots
from callboard.domain.trigger import Action, Trigger, TriggerState, activated

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CENTURY = timedelta(days=36500)


def trigger(**fields: object) -> Trigger:
    values = {"schedule": every(hours=1), **fields}
    one = Trigger(name="t", id=1, actions=(Action(job="j"),), **values)  # type: ignore[arg-type]
    return activated(one, START)


def pending(one: Trigger, since: datetime, hours: int) -> list[datetime]:
    return list(pending_slots(one, since=since, until=since + hours * HOUR))


def test_the_preview_begins_at_the_next_slot():
    assert pending(trigger(), START, 3) == [START + HOUR, START + 2 * HOUR]


def test_a_preview_of_a_far_time_is_not_walked_to_slot_by_slot():
    one = trigger(schedule=every(seconds=1))
    assert list(
        islice(pending_slots(one, since=START + CENTURY, until=START + 2 * CENTURY), 2)
    ) == [
        START + CENTURY,
        START + CENTURY + timedelta(seconds=1),
    ]


def test_the_preview_ends_with_the_last_firing():
    one = trigger(max_firings=3)
    assert pending(one, START, 10) == [START + n * HOUR for n in (1, 2, 3)]
    assert pending(one, START + 3 * HOUR, 10) == [START + 3 * HOUR]
    assert pending(one, START + 4 * HOUR, 10) == []


def test_the_preview_ends_before_end_at():
    assert pending(trigger(end_at=START + 3 * HOUR), START, 10) == [START + HOUR, START + 2 * HOUR]


def test_decided_slots_come_first_and_local_time_is_the_triggers():
    one = trigger(schedule=cron("30 2 * * *", zone="America/New_York"))
    gap = datetime(2026, 3, 8, 7, tzinfo=UTC)
    entry = LedgerEntry(
        trigger_id=1,
        generation=1,
        slot=gap,
        decision=Decision.SKIPPED,
        reason=SkipReason.MISFIRE,
        decided_at=gap,
    )
    since = gap - HOUR
    views = view_slots(one, [entry], since=since, until=gap, limit=10)
    assert [(view.decision, view.local.isoformat(), view.marks) for view in views] == [
        (Decision.SKIPPED, "2026-03-08T03:00:00-04:00", ("dst_gap",))
    ]


def off(*spans: tuple[int, int], **fields: Any) -> tuple[CalendarRule, ...]:
    """A calendar of stretches, in hours after START."""
    ranges = [[(START + hour * HOUR).isoformat() for hour in span] for span in spans]
    calendar = Calendar(name="off", definition={"kind": "ranges", "ranges": ranges})
    return (CalendarRule(calendar="off", definition=calendar, **fields),)


def seen(one: Trigger, now: float, since: float, until: float) -> list[SlotView]:
    return view_slots(
        one,
        [],
        since=START + since * HOUR,
        until=START + until * HOUR,
        limit=100,
        now=START + now * HOUR,
    )


def rows(views: list[SlotView]) -> list[tuple[str, str | None, float, int]]:
    return [(v.decision, v.reason, (v.slot - START) / HOUR, v.count) for v in views]


def test_the_preview_says_what_calendars_will_leave_out():
    assert rows(seen(trigger(calendars=off((2, 4))), 0, 0, 6)) == [
        ("pending", None, 1, 1),
        ("pending", "calendar", 2, 2),
        ("pending", None, 4, 1),
        ("pending", None, 5, 1),
    ]


def test_a_stretch_that_lasts_is_certain_up_to_now():
    one = replace(trigger(calendars=off((2, 6))), last_slot=START + HOUR)
    assert rows(seen(one, 3.5, 2.5, 7)) == [
        ("skipped", "calendar", 2, 2),
        ("pending", "calendar", 4, 2),
        ("pending", None, 6, 1),
    ]


def test_what_is_due_and_not_decided_is_pending():
    assert rows(seen(trigger(), 2.5, 0, 4)) == [("pending", None, n, 1) for n in (1, 2, 3)]


def test_a_pause_is_skipped_up_to_now_and_then_as_far_as_it_is_known():
    one = paused(trigger(), START, START + 5 * HOUR)
    assert rows(seen(one, 2.5, 0, 7)) == [
        ("skipped", "paused", 1, 2),
        ("pending", "paused", 3, 2),
        ("pending", None, 5, 1),
        ("pending", None, 6, 1),
    ]
    assert rows(seen(paused(trigger(), START, None), 2.5, 0, 7)) == [("skipped", "paused", 1, 2)]


def test_a_trigger_that_is_not_active_promises_nothing():
    assert seen(replace(trigger(), state=TriggerState.INACTIVE, next_slot=None), 1, 0, 9) == []


def test_the_ledger_and_what_is_certain_are_one_list_in_either_order():
    one = trigger(calendars=off((2, 6)))
    plan = plan_slots(one, START + HOUR)
    now = START + 4.5 * HOUR
    span = {"now": now, "since": START, "until": START + 100 * HOUR, "limit": 10}
    forward = decided_views(plan.after, plan.entries, **span)
    assert rows(forward) == [("fired", None, 1, 1), ("skipped", "calendar", 2, 3)]
    assert decided_views(plan.after, plan.entries, **span, newest_first=True) == forward[::-1]
    assert decided_views(plan.after, plan.entries, **{**span, "limit": 1}) == forward[:1]


def test_a_list_of_slots_has_no_hole_and_no_slot_twice():
    one = trigger(calendars=off((2, 6), (9, 12)))
    plan = plan_slots(one, START + HOUR)
    views = view_slots(
        plan.after,
        plan.entries,
        since=START,
        until=START + 20 * HOUR,
        limit=100,
        now=START + 3.5 * HOUR,
    )
    assert sum(view.count for view in views) == 19
    assert all((a.until or a.slot) + HOUR == b.slot for a, b in pairwise(views))


def test_a_moved_slot_is_marked():
    holiday = off((24 * 4, 24 * 5), shift=Shift.NEXT)
    one = trigger(schedule=cron("0 9 5 * *"), calendars=holiday)
    assert [(v.reason, v.slot.day, v.marks) for v in seen(one, 0, 0, 24 * 20)] == [
        (SkipReason.CALENDAR, 5, ()),
        (None, 6, ("calendar",)),
    ]


def test_the_start_of_runs_is_told_with_the_slot():
    view = seen(trigger(jitter_s=600.0), 0, 0, 2)[0]
    assert view.starts_at is not None
    assert view.slot < view.starts_at < view.slot + timedelta(seconds=600)


def test_slots_of_a_trigger_whose_zone_is_gone_are_shown_in_utc():
    one = trigger(schedule=cron("0 9 * * *"))
    gone = replace(one.schedule, zone="Atlantis/Main")
    parked = replace(one, schedule=gone, state=TriggerState.PAUSED, next_slot=None)
    entry = LedgerEntry(trigger_id=1, generation=1, slot=START, decision=Decision.FIRED)
    views = view_slots(parked, [entry], since=START, until=START + HOUR, limit=10)
    assert [view.local for view in views] == [START]


def test_slots_at_which_another_trigger_starts_the_same_job_are_marked():
    others = [
        trigger(schedule=every(hours=3)),
        replace(trigger(schedule=every(hours=2)), state=TriggerState.PAUSED),
    ]
    views = mark_collisions(seen(trigger(), 0, 0, 7), others)
    assert [(v.slot - START) // HOUR for v in views if "collision" in v.marks] == [3, 6]
