"""Pace: how many runs a node works off, and how many it may therefore claim ahead."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Runs that ended in about the last `window_s` seconds; older ones fade out.

    Ends are counted, not beginnings: an idle node begins as many runs at once as it has places, and
    that says nothing about when these places will be free again.
    """

    window_s: float
    """0: nothing is ever claimed ahead."""
    ended: float = 0.0
    at: float = 0.0
    """Of the last count, in seconds of a monotonic clock."""

    def after(self, count: int, now: float) -> Pace:
        """The pace when `count` more have ended at `now`."""
        if self.window_s == 0:
            return self
        faded = self.ended * math.exp(min(0.0, self.at - now) / self.window_s)
        return Pace(self.window_s, faded + count, now)

    def restarted(self, now: float) -> Pace:
        """The pace of a node that has done nothing yet."""
        return Pace(self.window_s, 0.0, now)

    def ahead(self, places: int, *, limit: int) -> int:
        """Runs that may wait here beside those that have a place.

        None until every place was used more than once in the window: the runs are short then, and
        what waits for a place gets one within the window.
        """
        return max(0, min(limit, int(self.ended) - places))
