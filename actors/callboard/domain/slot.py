"""Slots of one trigger as people look at them: the ledger for the past, then the preview."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice

from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.outlook import outlook, pending_slots
from callboard.domain.schedule import slot_local, slot_marks
from callboard.domain.spread import offset_of
from callboard.domain.timetable import MICROSECOND
from callboard.domain.trigger import Trigger
from callboard.errors import InvalidInput

__all__ = ["SlotView", "decided_views", "pending_slots", "view_entry", "view_slots"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotView:
    """One slot, or a stretch of skipped ones."""

    slot: datetime
    local: datetime
    """The same instant in the trigger's zone."""
    decision: Decision
    """Pending with a reason: it will be skipped, unless something is changed before."""
    reason: SkipReason | None = None
    fired_at: datetime | None = None
    run_ids: tuple[int, ...] = ()
    until: datetime | None = None
    """Last slot of a stretch."""
    count: int = 1
    marks: tuple[str, ...] = ()
    """`dst_gap`, `dst_fold`; `calendar`: a calendar moved it here; `collision`."""
    starts_at: datetime | None = None
    """When its runs are due, jitter and flexible window included; None: it starts none."""
    backfills: tuple[int, ...] = ()
    """Backfills that fired it afterwards."""
    caused_by: tuple[int, ...] = ()
    """Runs whose ends met the trigger's conditions."""
    events: int | None = None
    """How many its batch had, or has by now; None: it is no event trigger's."""


def view_slots(
    trigger: Trigger,
    entries: Iterable[LedgerEntry],
    *,
    since: datetime,
    until: datetime,
    limit: int,
    now: datetime | None = None,
) -> list[SlotView]:
    """Decided slots, certain ones and pending ones in [since, until), by slot, at most `limit`.

    Args:
        entries: the ledger of that span, by slot.
        now: None: nothing that is not in the ledger is taken for past.
    """
    coming = _coming(trigger, now or trigger.cursor, since, until)
    known = merge(entries, coming, key=lambda entry: entry.slot)
    return [view_entry(trigger, entry) for entry in islice(known, limit)]


def decided_views(
    trigger: Trigger,
    entries: Sequence[LedgerEntry],
    *,
    now: datetime,
    since: datetime,
    until: datetime,
    limit: int,
    newest_first: bool = False,
) -> list[SlotView]:
    """The ledger of [since, until) up to `now`, with what is certain but not written yet.

    Args:
        entries: at most `limit`, in the order that is asked for.
    """
    certain = [
        entry
        for entry in _coming(trigger, now, since, min(until, now + MICROSECOND))
        if entry.decision is Decision.SKIPPED
    ]
    every = sorted([*entries, *certain], key=lambda entry: entry.slot, reverse=newest_first)
    return [view_entry(trigger, entry) for entry in every[:limit]]


def view_entry(trigger: Trigger, entry: LedgerEntry) -> SlotView:
    """How an entry looks; what needs a zone that is gone is left out (D05)."""
    try:
        local = slot_local(trigger.schedule, entry.slot)
        marks = tuple(_marks(trigger, entry))
    except InvalidInput:
        local, marks = entry.slot, ()
    has_fired = entry.decision is Decision.FIRED
    return SlotView(
        slot=entry.slot,
        local=local,
        decision=entry.decision,
        reason=entry.reason,
        fired_at=entry.decided_at if has_fired else None,
        run_ids=entry.run_ids,
        until=entry.until,
        count=entry.count,
        marks=marks,
        starts_at=None if entry.reason else _starts_at(trigger, entry),
        caused_by=entry.caused_by,
        events=entry.events,
    )


def _coming(
    trigger: Trigger, now: datetime, since: datetime, until: datetime
) -> Iterator[LedgerEntry]:
    """The outlook; nothing for a trigger that cannot be understood any more (D05)."""
    try:
        yield from outlook(trigger, now=now, since=since, until=until)
    except InvalidInput:
        return


def _marks(trigger: Trigger, entry: LedgerEntry) -> Iterator[str]:
    yield from slot_marks(trigger.schedule, entry.slot)
    if not trigger.calendars or entry.reason is not None:
        return
    # What an earlier definition moved, nobody can tell any more.
    if entry.generation == trigger.generation and trigger.timetable.is_moved(entry.slot):
        yield "calendar"


def _starts_at(trigger: Trigger, entry: LedgerEntry) -> datetime:
    start = entry.slot + offset_of(trigger, entry.slot)
    return start if entry.decided_at is None else max(start, entry.decided_at)
