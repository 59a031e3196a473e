"""Pace: how far a step is, how fast it goes, and when it will be done.

Told through the run's progress, which is stored about twice a second; so not of every chunk.
"""

from __future__ import annotations

from typing import Final

from callboard.clock import Clock
from callboard.domain.batch_step import StepCounts
from callboard.runners.log import RunLog

TELL_S: Final = 0.1
"""For which chunks are only counted once something was told."""


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
        self._told_at = self._began_at - TELL_S
        self.is_told = True
        """Whether there is nothing new to tell."""

    def moved(self, chunk: StepCounts) -> None:
        """A chunk has committed."""
        self._done += chunk.writes + chunk.filters + chunk.skips
        self.is_told = self._done == self._first
        if not self.is_told and self._clock.monotonic() - self._told_at >= TELL_S:
            self.tell()

    def tell(self) -> None:
        """Say how far it is now, where that was not said."""
        if self.is_told:
            return
        self.is_told, self._told_at = True, self._clock.monotonic()
        elapsed_s = self._told_at - self._began_at
        rate = (self._done - self._first) / elapsed_s if elapsed_s > 0 else None
        eta_s = None
        if rate and self.expected is not None:
            eta_s = max(0.0, (self.expected - self._done) / rate)
        more = {"step": self._step, "rate": _rounded(rate), "eta_s": _rounded(eta_s)}
        self._output.report(self._done, self.expected, self._step, more=more)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
