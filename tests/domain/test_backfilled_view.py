"""Slots with what backfills fired afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta

from callboard.domain.backfill import BackfilledSlot
from callboard.domain.backfilled_view import with_backfills
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.slot import SlotView, view_entry
from support.factories import NOW, after, make_trigger

HOUR = timedelta(hours=1)
TRIGGER = make_trigger()


def view(hour: int, *, until: int | None = None) -> SlotView:
    entry = LedgerEntry(
        trigger_id=0,
        generation=1,
        slot=NOW + hour * HOUR,
        until=None if until is None else NOW + until * HOUR,
        count=1 if until is None else until - hour + 1,
        decision=Decision.SKIPPED,
        reason=SkipReason.MISFIRE,
    )
    return view_entry(TRIGGER, entry)


def fired(slot: datetime, backfill_id: int) -> BackfilledSlot:
    return BackfilledSlot(
        trigger_id=0, slot=slot, backfill_id=backfill_id, run_ids=(backfill_id,), fired_at=after(9)
    )


def test_a_view_names_the_backfills_of_its_slot_and_of_its_stretch() -> None:
    views = [view(1), view(2, until=5), view(6)]
    late = [fired(NOW + hour * HOUR, number) for hour, number in ((1, 8), (1, 7), (3, 7), (5, 9))]
    marked = with_backfills(TRIGGER, views, late)
    assert [each.backfills for each in marked] == [(7, 8), (7, 9), ()]
    assert [each.decision for each in marked] == [Decision.SKIPPED] * 3


def test_a_slot_that_the_ledger_does_not_know_gets_a_view_of_its_own() -> None:
    marked = with_backfills(TRIGGER, [view(2)], [fired(NOW, 7), fired(NOW, 8)])
    own = marked[1]
    assert (own.slot, own.decision, own.backfills) == (NOW, Decision.FIRED, (7, 8))
    assert (own.run_ids, own.fired_at, own.starts_at) == ((7, 8), after(9), None)


def test_without_backfills_nothing_changes() -> None:
    views = [view(1), view(2)]
    assert with_backfills(TRIGGER, views, []) == views
