"""What the ledger does not hold yet: slots that are certain to be skipped, and those to come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from callboard.domain.event_batches import paused_batch
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.misfire import stretch_entries
from callboard.domain.schedule_slots import END, EPOCH
from callboard.domain.timetable import MICROSECOND, Segment, Timetable
from callboard.domain.trigger import Trigger, TriggerState

_WAITING = (TriggerState.ACTIVE, TriggerState.PAUSED)


def outlook(
    trigger: Trigger, *, now: datetime, since: datetime, until: datetime
) -> Iterator[LedgerEntry]:
    """Entries, as they would be now, for the undecided slots in [since, until), in their order.

    - skipped: up to `now`, left out by a calendar, lost in a gap of the clocks, or in the pause;
    - pending with a reason: the same in the future, for as far as it is known now;
    - pending without a reason: slots that are to fire, those that are due included.

    Stretches are one entry each, broken at `now`; one that began before `since` is whole up to
    `now`. Nothing is promised for a pause without an end, nor for a trigger that is not active.
    """
    since, until = max(since, EPOCH), min(until, END)
    if trigger.state not in _WAITING or since >= until:
        return
    if trigger.schedule.kind == "event":
        yield from _gathering(trigger, now, since, until)
        return
    table = trigger.timetable
    left = _left(trigger, table, since)
    for segment in _segments(trigger, table, now, since, until):
        if left is not None and left <= 0:
            return
        if segment.reason is not None:
            decision = Decision.SKIPPED if segment.high <= now else Decision.PENDING
            for entry in stretch_entries(trigger, table, segment):
                if (entry.until or entry.slot) >= since:
                    yield replace(entry, decision=decision)
            continue
        for slot in table.slots(segment.clipped(since, until)):
            if left is not None:
                left -= 1
                if left < 0:
                    return
            yield LedgerEntry(
                trigger_id=trigger.id,
                generation=trigger.generation,
                slot=slot,
                decision=Decision.PENDING,
            )


def _gathering(
    trigger: Trigger, now: datetime, since: datetime, until: datetime
) -> Iterator[LedgerEntry]:
    """The entry of the batch that an event trigger gathers."""
    gathered = trigger.gathered
    if gathered is None or not since <= gathered.due_at < until:
        return
    if trigger.state is TriggerState.PAUSED:
        for entry in paused_batch(trigger, trigger.resume_at or now):
            decision = Decision.SKIPPED if entry.slot <= now else Decision.PENDING
            yield replace(entry, decision=decision)
        return
    yield LedgerEntry(
        trigger_id=trigger.id,
        generation=trigger.generation,
        slot=gathered.due_at,
        decision=Decision.PENDING,
        events=gathered.events,
    )


def pending_slots(trigger: Trigger, *, since: datetime, until: datetime) -> Iterator[datetime]:
    """Slots in [since, until) that are to fire, as scheduled now: due ones and later ones."""
    found = outlook(trigger, now=trigger.cursor, since=since, until=until)
    return (entry.slot for entry in found if entry.reason is None)


def _segments(
    trigger: Trigger, table: Timetable, now: datetime, since: datetime, until: datetime
) -> Iterator[Segment]:
    low, last = trigger.cursor + MICROSECOND, until - MICROSECOND
    coming = max(now + MICROSECOND, since)
    if trigger.state is TriggerState.PAUSED:
        end = now if trigger.resume_at is None else trigger.resume_at - MICROSECOND
        if since <= now:
            yield table.whole(low, min(now, end, last), SkipReason.PAUSED)
        if trigger.resume_at is None:
            return
        yield table.whole(max(low, coming), min(end, last), SkipReason.PAUSED)
        low = max(low, trigger.resume_at)
    if since <= now:
        yield from table.segments(low, min(now, last))
    yield from table.segments(max(low, coming), last)


def _left(trigger: Trigger, table: Timetable, since: datetime) -> int | None:
    """How often it may still fire from `since` on; None: no limit."""
    if trigger.max_firings is None:
        return None
    low = trigger.cursor + MICROSECOND
    if trigger.state is TriggerState.PAUSED and trigger.resume_at is not None:
        low = max(low, trigger.resume_at)
    # Not slot by slot: `since` may be a century away.
    before = table.segments(low, since - MICROSECOND)
    passed = sum(table.count(segment)[0] for segment in before if segment.reason is None)
    return trigger.max_firings - trigger.firings - passed
