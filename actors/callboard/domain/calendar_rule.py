"""How a trigger obeys a calendar."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callboard.domain.calendar import Calendar


class CalendarMode(StrEnum):
    """Which slots a calendar leaves a trigger."""

    EXCLUDE = "exclude"
    """Those outside of it."""
    INCLUDE = "include"
    """Those in it."""


class Shift(StrEnum):
    """What becomes of a slot that a calendar does not leave."""

    SKIP = "skip"
    NEXT = "next"
    """It moves to the same wall time of the next day that is left."""
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRule:
    """One calendar that a trigger obeys."""

    calendar: str
    """Its name, in the trigger's group."""
    mode: CalendarMode = CalendarMode.EXCLUDE
    shift: Shift = Shift.SKIP
    definition: Calendar | None = None
    """The calendar as it is now, filled in where the trigger is read from the store."""
