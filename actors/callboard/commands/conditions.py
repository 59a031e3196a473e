"""The evaluation of conditional triggers."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.runtime import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedJobs(Command[frozenset[tuple[str, str]]]):
    """Group and name of each job that active and paused conditional triggers watch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What an evaluation found."""

    is_busy: bool = False
    """Somebody else is at it: nothing was done."""
    again: bool = False
    """There is more to look at."""
    missed: tuple[int, int] | None = None
    """Numbers, first and last, of events that were removed before anybody had looked at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConditions(Command[Evaluated]):
    """Look at a stretch of what ended since the last evaluation, and fire what is complete.

    Slots, runs, sets and the place up to which the events are dealt with: all in one transaction.
    """

    events: int = 20_000
    """About so many, at the most, of the stretch."""
