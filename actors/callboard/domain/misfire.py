"""From a due trigger to its decisions: which slots fire, which are skipped, and why."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.schedule import count_slots, slots_between
from callboard.domain.trigger import (
    Coalesce,
    MisfirePolicyName,
    Trigger,
    TriggerState,
    with_next_slot,
)
from callboard.errors import BugError

MOST_PER_PLAN: Final = 1000
"""Slots fired by one plan at the most; what is left is due at once and planned next."""
MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlan:
    """The decisions for a due trigger, to be stored all together or not at all."""

    before: Trigger
    """The trigger as it was read; it must be unchanged when the plan is stored."""
    after: Trigger
    """The trigger moved on to its next slot."""
    entries: tuple[LedgerEntry, ...]
    """In the order of their slots; run ids are filled in when the runs are created."""


def is_due(trigger: Trigger, now: datetime) -> bool:
    """Whether a slot of the trigger waits for its decision."""
    return trigger.next_slot is not None and trigger.next_slot <= now


def plan_slots(trigger: Trigger, now: datetime) -> SlotPlan:
    """Decide every slot of `trigger` from its `next_slot` up to `now`, both included.

    A slot at most `grace_s` late fires. Older ones are missed, and the misfire policy decides
    them together: one run, or none, or all up to the cap; the others become one range entry a
    reason. Where more than MOST_PER_PLAN would fire, the rest stays due for the next plan.
    """
    if trigger.next_slot is None or not is_due(trigger, now):
        raise BugError(f"trigger {trigger.id} is not due at {now}")
    until = min(now, _just_before(trigger.end_at)) if trigger.end_at else now
    if trigger.state is TriggerState.PAUSED:
        entries = list(_stretch(trigger, trigger.next_slot, until, SkipReason.PAUSED))
    else:
        entries = _within_limit(trigger, _decide(trigger, trigger.next_slot, until, now))
    return SlotPlan(before=trigger, after=_moved_on(trigger, entries, now), entries=tuple(entries))


def _decide(
    trigger: Trigger, first: datetime, until: datetime, now: datetime
) -> Iterator[LedgerEntry]:
    # The grace is inclusive (M04): missed is what lies a microsecond or more before it.
    missed_until = min(until, now - timedelta(seconds=trigger.misfire.grace_s, microseconds=1))
    if first <= missed_until:
        window_s = trigger.misfire.window_s
        oldest = first if window_s is None else missed_until - timedelta(seconds=window_s)
        if first < oldest:
            yield from _stretch(trigger, first, _just_before(oldest), SkipReason.MISFIRE)
            first = oldest
        if trigger.misfire.policy is not MisfirePolicyName.FIRE_ALL or trigger.misfire.cap:
            yield from _missed(trigger, first, missed_until)
            first = missed_until + MICROSECOND
    for slot in islice(_slots(trigger, first, until), MOST_PER_PLAN):
        yield _fired(trigger, slot)


def _missed(trigger: Trigger, first: datetime, until: datetime) -> Iterator[LedgerEntry]:
    match trigger.misfire.policy:
        case MisfirePolicyName.SKIP:
            yield from _stretch(trigger, first, until, SkipReason.MISFIRE)
        case MisfirePolicyName.FIRE_ONCE:
            yield from _fire_once(trigger, first, until)
        case MisfirePolicyName.FIRE_ALL:
            yield from _fire_newest(trigger, first, until, trigger.misfire.cap or MOST_PER_PLAN)


def _fire_once(trigger: Trigger, first: datetime, until: datetime) -> Iterator[LedgerEntry]:
    _, earliest, latest = _count(trigger, first, until)
    if earliest is None or latest is None:
        return
    if trigger.misfire.coalesce is Coalesce.EARLIEST:
        yield _fired(trigger, earliest)
        yield from _stretch(trigger, earliest + MICROSECOND, until, SkipReason.COALESCED)
    else:
        yield from _stretch(trigger, first, _just_before(latest), SkipReason.COALESCED)
        yield _fired(trigger, latest)


def _fire_newest(
    trigger: Trigger, first: datetime, until: datetime, cap: int
) -> Iterator[LedgerEntry]:
    newest = deque(_slots(trigger, first, until), maxlen=cap)
    if newest:
        yield from _stretch(trigger, first, _just_before(newest[0]), SkipReason.CAPPED)
    for slot in newest:
        yield _fired(trigger, slot)


def _within_limit(trigger: Trigger, entries: Iterator[LedgerEntry]) -> list[LedgerEntry]:
    """The entries up to the trigger's last firing; behind it there are no slots any more."""
    if trigger.max_firings is None:
        return list(entries)
    kept: list[LedgerEntry] = []
    left = trigger.max_firings - trigger.firings
    for entry in entries:
        left -= entry.decision is Decision.FIRED
        if left < 0:
            break
        kept.append(entry)
    return kept


def _moved_on(trigger: Trigger, entries: list[LedgerEntry], now: datetime) -> Trigger:
    fired = sum(entry.decision is Decision.FIRED for entry in entries)
    last = (entries[-1].until or entries[-1].slot) if entries else None
    moved = replace(trigger, firings=trigger.firings + fired, last_slot=last or trigger.last_slot)
    # Without an entry the schedule moved under the stored slot (new zone data, D04).
    return with_next_slot(moved, moved.slot_after(last or now))


def _stretch(
    trigger: Trigger, first: datetime, until: datetime, reason: SkipReason
) -> Iterator[LedgerEntry]:
    count, earliest, latest = _count(trigger, first, until)
    if earliest is not None:
        yield LedgerEntry(
            trigger_id=trigger.id,
            generation=trigger.generation,
            slot=earliest,
            decision=Decision.SKIPPED,
            reason=reason,
            until=latest if count > 1 else None,
            count=count,
        )


def _fired(trigger: Trigger, slot: datetime) -> LedgerEntry:
    return LedgerEntry(
        trigger_id=trigger.id, generation=trigger.generation, slot=slot, decision=Decision.FIRED
    )


def _count(
    trigger: Trigger, first: datetime, until: datetime
) -> tuple[int, datetime | None, datetime | None]:
    if until < first:
        return 0, None, None
    return count_slots(
        trigger.schedule, after=_just_before(first), until=until, anchor=_anchor(trigger)
    )


def _slots(trigger: Trigger, first: datetime, until: datetime) -> Iterator[datetime]:
    if until < first:
        return iter(())
    return slots_between(
        trigger.schedule, after=_just_before(first), until=until, anchor=_anchor(trigger)
    )


def _anchor(trigger: Trigger) -> datetime:
    return trigger.anchor_at or trigger.next_slot or datetime.min.replace(tzinfo=UTC)


def _just_before(instant: datetime) -> datetime:
    return instant - MICROSECOND
