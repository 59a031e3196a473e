"""Event triggers: how events become batches, and batches slots.

- The first event of a batch opens its window. The batch is due at the window's end, or as soon as
  it is full, whichever comes first; that instant is its slot.
- A batch has at most `batch_size` events. Those told while one is due, but not decided yet, belong
  to batches of their own: full ones are due right behind it, a microsecond apart, and the window of
  what is left over opens when it is decided.
- No event is left over where no slot is to come: the last one that `max_firings` or `end_at` lets
  fire takes all there are.
- The misfire policy judges the batch that was due. Whatever was told behind it is not late.
- A pause keeps what was gathered before it: a batch whose window ends in the pause is a slot of
  the pause, any other goes on gathering when it is over.
- A new definition takes over what the old one has gathered. Who deactivates, activates or deletes
  the trigger lets go of it, as of any slot to come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from callboard.domain.amend import amended
from callboard.domain.gathered import Gathered
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.missed import missed_until
from callboard.domain.schedule_kind import Event
from callboard.domain.timetable import MICROSECOND
from callboard.domain.trigger import MisfirePolicyName, Trigger, TriggerState

MOST_EVENTS: Final = 10_000
"""That can be told at once."""


def told(trigger: Trigger, count: int, now: datetime) -> Trigger:
    """The active event trigger behind `count` more events."""
    return gathering(trigger, trigger.gathered, count, now)


def gathering(trigger: Trigger, known: Gathered | None, more: int, now: datetime) -> Trigger:
    """The trigger with `more` events beside those that are known, waiting for the batch's slot."""
    schedule = _schedule(trigger)
    events = more + (known.events if known is not None else 0)
    if not events:
        return _waiting(trigger, None)
    due_at = now + schedule.window
    if known is not None:
        due_at = min(due_at, known.due_at)
    if events >= schedule.batch_size:
        due_at = min(due_at, now)
    return _waiting(trigger, Gathered(events=events, due_at=_within(trigger, due_at)))


def batch_entries(trigger: Trigger, low: datetime, now: datetime) -> Iterator[LedgerEntry]:
    """The entries of the batches that are due at `now`, unless they were due before `low`."""
    gathered = trigger.gathered
    if gathered is None or not low <= gathered.due_at <= now:
        return
    size, left, slot = _schedule(trigger).batch_size, gathered.events, gathered.due_at
    firings = trigger.firings
    reason = SkipReason.MISFIRE if _is_misfire(trigger, slot, now) else None
    while left:
        firings += reason is None
        events = left if _is_last(trigger, slot, firings) else min(left, size)
        yield _entry(trigger, slot, events, reason)
        left, slot, reason = left - events, slot + MICROSECOND, None
        if left < size:
            return


def paused_batch(trigger: Trigger, high: datetime) -> Iterator[LedgerEntry]:
    """The entry of the batch whose slot lies in a pause, up to `high`."""
    gathered = trigger.gathered
    if gathered is not None and gathered.due_at <= high:
        yield _entry(trigger, gathered.due_at, gathered.events, SkipReason.PAUSED)


def behind_batches(trigger: Trigger, entries: Sequence[LedgerEntry], now: datetime) -> Trigger:
    """The trigger without the events of these entries, waiting for what is left."""
    gathered = trigger.gathered
    if gathered is None:
        return _waiting(trigger, None)
    taken = sum(entry.events or 0 for entry in entries)
    left, schedule = gathered.events - taken, _schedule(trigger)
    if not taken:
        return _waiting(trigger, gathered)
    if left <= 0:
        return _waiting(trigger, None)
    last = entries[-1].slot
    due_at = last + MICROSECOND
    if left < schedule.batch_size:
        due_at = max(due_at, _within(trigger, now + schedule.window))
    return _waiting(trigger, Gathered(events=left, due_at=due_at))


def _waiting(trigger: Trigger, gathered: Gathered | None) -> Trigger:
    is_active = trigger.state is TriggerState.ACTIVE
    slot = gathered.due_at if gathered is not None and is_active else None
    return amended(trigger, gathered=gathered, next_slot=slot)


def _within(trigger: Trigger, due_at: datetime) -> datetime:
    """The instant, behind what is decided, and before the trigger's end where that can be."""
    if trigger.end_at is not None:
        due_at = min(due_at, trigger.end_at - MICROSECOND)
    return max(due_at, trigger.cursor + MICROSECOND)


def _is_last(trigger: Trigger, slot: datetime, firings: int) -> bool:
    """Whether no slot can fire behind this one."""
    if trigger.end_at is not None and slot + MICROSECOND >= trigger.end_at:
        return True
    return trigger.max_firings is not None and firings >= trigger.max_firings


def _is_misfire(trigger: Trigger, slot: datetime, now: datetime) -> bool:
    missed = missed_until(trigger.misfire, now)
    if slot > missed:
        return False
    window_s = trigger.misfire.window_s
    if window_s is not None and slot < missed - timedelta(seconds=window_s):
        return True
    return trigger.misfire.policy is MisfirePolicyName.SKIP


def _entry(trigger: Trigger, slot: datetime, events: int, reason: SkipReason | None) -> LedgerEntry:
    return LedgerEntry(
        trigger_id=trigger.id,
        generation=trigger.generation,
        slot=slot,
        decision=Decision.FIRED if reason is None else Decision.SKIPPED,
        reason=reason,
        events=events,
    )


def _schedule(trigger: Trigger) -> Event:
    assert isinstance(trigger.schedule, Event)
    return trigger.schedule
