"""Pace: how far a step is, how fast it goes, and when it will be done.

Told through the run's progress, which is stored about twice a second.
"""

from __future__ import annotations

from callboard.clock import Clock
from callboard.domain.batch_step import StepCounts
from callboard.runners.log import RunLog


class Pace:
    """Of one step; its partitions share it."""

    def __init__(self, step: str, *, done: int, output: RunLog, clock: Clock) -> None:
        """Args:
        done: items of earlier executions, which this one goes on from.
        """
        self.expected: int | None = None
        """Items in all, as far as somebody said so."""
        self._step = step
        self._done = self._first = done
        self._output = output
        self._clock = clock
        self._began_at = clock.monotonic()

    def moved(self, chunk: StepCounts) -> None:
        """A chunk has committed."""
        self._done += chunk.writes + chunk.filters + chunk.skips
        if self._done == self._first:
            return
        elapsed_s = self._clock.monotonic() - self._began_at
        rate = (self._done - self._first) / elapsed_s if elapsed_s > 0 else None
        eta_s = None
        if rate and self.expected is not None:
            eta_s = max(0.0, (self.expected - self._done) / rate)
        more = {"step": self._step, "rate": _rounded(rate), "eta_s": _rounded(eta_s)}
        self._output.report(self._done, self.expected, self._step, more=more)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
