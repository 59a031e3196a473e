"""Wishes: what a handler returns instead of a result when its run is to go on in another way.

    return Retry(after=60, reason="the file is not there yet")    # failed; the next attempt later
    return Snooze(for_=timedelta(minutes=10))                      # the same attempt, later
    return Cancel("the order was withdrawn")                       # stopped; never tried again

Durations are seconds or timedeltas. One that is negative is none at all, one of more than a year
(infinity, too) is a year; what is no duration is refused where it is written (R08).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from callboard.domain.job import MAX_SECONDS
from callboard.errors import invalid

Duration: TypeAlias = float | timedelta


@dataclass(frozen=True, slots=True)
class Retry:
    """The run has failed, and is to be tried again while its job has attempts left."""

    after: Duration | None = None
    """The next attempt is due no earlier than after so long; None: as the retry policy says."""
    reason: str = ""

    def __post_init__(self) -> None:
        if self.after is not None:
            _seconds(self.after, "Retry.after")
        _check_reason(self.reason, "Retry.reason")

    @property
    def after_s(self) -> float | None:
        return None if self.after is None else _seconds(self.after, "Retry.after")


@dataclass(frozen=True, slots=True)
class Snooze:
    """The run is to wait, and then to be executed again from the start as the same attempt."""

    for_: Duration
    reason: str = ""
    """Goes to the run's log."""

    def __post_init__(self) -> None:
        _seconds(self.for_, "Snooze.for_")
        _check_reason(self.reason, "Snooze.reason")

    @property
    def after_s(self) -> float:
        return _seconds(self.for_, "Snooze.for_")


@dataclass(frozen=True, slots=True)
class Cancel:
    """The run is to be stopped: there is nothing to do for it any more."""

    reason: str = ""

    def __post_init__(self) -> None:
        _check_reason(self.reason, "Cancel.reason")


Wish: TypeAlias = Retry | Snooze | Cancel
INF: Final = float("inf")
WISHES: Final = (Retry, Snooze, Cancel)


def _seconds(value: object, name: str) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, int | float) or isinstance(value, bool) or not -INF <= value <= INF:
        raise invalid(name, f"{value!r} is not a duration", "seconds, or a timedelta")
    return float(min(max(0, value), MAX_SECONDS))


def _check_reason(reason: object, name: str) -> None:
    if not isinstance(reason, str):
        raise invalid(name, f"{type(reason).__name__} is not a text", "a short text")
