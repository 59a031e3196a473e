"""The most runs at one time, from their starts and ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

INSTANT_S = 1e-6
"""A run that takes no time counts for as long as the clock can tell apart."""


class PeakMeter:
    """Takes runs in stretches of time, each stretch later than the one before."""

    __slots__ = ("_ends", "at", "peak", "runs")

    def __init__(self) -> None:
        self.runs = 0
        self.peak = 0
        self.at: float | None = None
        """When it was first reached, in seconds since 1970."""
        self._ends: list[float] = []

    def take(self, starts: Sequence[float], ends: Iterable[float]) -> None:
        """Runs that start later than those taken before.

        Args:
            starts: ascending.
            ends: in any order, each later than its run's start.
        """
        if not starts:
            return
        open_ends = sorted([*self._ends, *ends])
        ended, peak = 0, self.peak
        # While run n begins, n of them have begun and its own end is still to come.
        for begun, start in enumerate(starts, len(self._ends) + 1):
            while open_ends[ended] <= start:
                ended += 1
            if begun - ended > peak:
                peak, self.at = begun - ended, start
        self.peak = peak
        self.runs += len(starts)
        self._ends = open_ends[ended:]
