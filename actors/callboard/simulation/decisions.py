"""What the simulated board decided, trigger by trigger."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.schedule import Schedule, slot_marks
from callboard.domain.settle import settled
from callboard.domain.trigger import Trigger, TriggerState
from callboard.domain.zone_span import LARGEST_SHIFT_S, span_at

NEAR: Final = timedelta(seconds=LARGEST_SHIFT_S)
"""No slot further away from a change of the clocks is touched by it."""


@dataclass(slots=True, kw_only=True)
class Decisions:
    """Those for one trigger, counted as they come."""

    trigger: Trigger
    changes: tuple[datetime, ...]
    """When the clocks of its zone change, ascending."""
    fired: int = 0
    runs: int = 0
    first: datetime | None = None
    last: datetime | None = None
    """The first and the last slot that fired."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Slots by the reason of the skip."""
    marks: Counter[str] = field(default_factory=Counter)
    """Slots that fired, by mark: dst_gap, dst_fold."""

    def fire(self, slots: Sequence[datetime]) -> None:
        """Slots that fired, ascending."""
        self.fired += len(slots)
        self.first = slots[0] if self.first is None else min(self.first, slots[0])
        self.last = slots[-1] if self.last is None else max(self.last, slots[-1])
        for change in self.changes:
            for slot in slots[bisect_left(slots, change - NEAR) :]:
                if slot > change + NEAR:
                    break
                self.marks.update(slot_marks(self.trigger.schedule, slot))


def decisions_of(trigger: Trigger, since: datetime, until: datetime) -> Decisions:
    """An empty count."""
    return Decisions(trigger=trigger, changes=tuple(_changes(trigger.schedule, since, until)))


def left_undecided(trigger: Trigger, until: datetime) -> Iterator[LedgerEntry]:
    """The entries behind its last firing: they are certain, but written with the next one only.

    Args:
        trigger: as it is at the end, when everything that fires up to `until` has fired.
    """
    if trigger.is_spent or trigger.state is TriggerState.PARKED or trigger.schedule.kind == "delay":
        return
    waiting = replace(trigger, state=TriggerState.ACTIVE)
    while (plan := settled(waiting, until)) is not None:
        yield from (entry for entry in plan.entries if entry.decision is Decision.SKIPPED)
        waiting = plan.after


def _changes(schedule: Schedule, since: datetime, until: datetime) -> Iterator[datetime]:
    """Changes of the clocks in the schedule's zone that may touch slots in [since, until)."""
    zone_name = getattr(schedule, "zone", None)
    if zone_name is None:
        return
    span = span_at(zone_name, int((since - NEAR).timestamp()))
    last = (until + NEAR).timestamp()
    while span.end_s <= last:
        offset = span.offset_s
        span = span_at(zone_name, span.end_s)
        if span.offset_s != offset:
            yield datetime.fromtimestamp(span.start_s, UTC)
