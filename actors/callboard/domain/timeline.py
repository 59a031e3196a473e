"""Timeline: another clock, as far as readings of it tell where it stands, and whether it stepped.

A reading takes time, so it only says between which two instants the other clock stands. Readings
that agree make the bounds tighter; one that cannot be reconciled with those before is a step of
the other clock (or a pause of the own one: a machine that slept). Time between readings is the
reader's own monotonic time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

DRIFT: Final = 0.0001
"""Seconds in a second by which two clocks that are in order drift apart.

One that is being slewed is faster: then the newest reading counts alone, as after a small step.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Between which two instants a clock stood at one moment."""

    at: float
    """That moment by the reader's monotonic clock, in seconds."""
    earliest: datetime
    latest: datetime

    def now(self, monotonic: float) -> datetime:
        """What the clock shows at least: who goes by it is never ahead of that clock."""
        return self.earliest + timedelta(seconds=monotonic - self.at)

    def ahead_of(self, other: Timeline) -> float:
        """Seconds by which this clock is ahead of the other; 0 where the bounds allow that."""
        low, high = self._moved_to(other.at), other
        if low.earliest > high.latest:
            return (low.earliest - high.latest).total_seconds()
        if low.latest < high.earliest:
            return -(high.earliest - low.latest).total_seconds()
        return 0.0

    def step_to(self, reading: Timeline) -> float:
        """Seconds by which the clock stepped before a later reading of it; negative: back."""
        if not reading.ahead_of(self._moved_to(reading.at, drift=DRIFT)):
            return 0.0
        return (reading._middle - self._moved_to(reading.at)._middle).total_seconds()

    def after(self, reading: Timeline) -> Timeline:
        """The bounds once a later reading is known: those of both, or the reading's alone."""
        known = self._moved_to(reading.at, drift=DRIFT)
        if reading.ahead_of(known):
            return reading
        return Timeline(
            at=reading.at,
            earliest=max(known.earliest, reading.earliest),
            latest=min(known.latest, reading.latest),
        )

    @property
    def _middle(self) -> datetime:
        return self.earliest + (self.latest - self.earliest) / 2

    def _moved_to(self, at: float, *, drift: float = 0.0) -> Timeline:
        passed_s = at - self.at
        return Timeline(
            at=at,
            earliest=self.earliest + timedelta(seconds=passed_s * (1 - drift)),
            latest=self.latest + timedelta(seconds=passed_s * (1 + drift)),
        )


def timeline_of(shown: datetime, *, asked_at: float, answered_at: float) -> Timeline:
    """The bounds from one reading.

    Args:
        shown: what the clock showed at some moment between the two others.
        asked_at, answered_at: by the reader's monotonic clock, in seconds.
    """
    taken = timedelta(seconds=answered_at - asked_at)
    return Timeline(at=answered_at, earliest=shown, latest=shown + taken)
