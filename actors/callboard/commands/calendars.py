"""Changes of calendars."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.domain.calendar import Calendar
from callboard.runtime import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCalendar(Command[Calendar]):
    """Store a new calendar. Refused: AlreadyExists."""

    calendar: Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceCalendar(Command[tuple[Calendar, bool]]):
    """Create the calendar, or replace the one of its name; whether it was created.

    Slots that are due are decided by the old one, all later ones by the new one, in the same
    transaction. An equal definition changes nothing. Refused: StaleVersion.
    """

    calendar: Calendar
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCalendar(Command[None]):
    """Refused: NotFound, StaleVersion, Conflict calendar_in_use while a trigger obeys it."""

    group: str
    name: str
    expected_version: int | None = None
