"""The ledger and the preview as one list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.schedule import cron, every
from callboard.domain.slot import pending_slots, view_slots
from callboard.domain.trigger import Action, Trigger, activated

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
