"""What can be asked about calendars."""

from __future__ import annotations

from callboard import commands as c
from callboard.domain.calendar import Calendar
from callboard.operations.asking import Asking, found
from callboard.store.contract import CalendarFilter


class CalendarOperations(Asking):
    """Calendars by group and name."""

    async def create_calendar(self, calendar: Calendar) -> Calendar:
        """Raises AlreadyExists."""
        return await self._ask(c.CreateCalendar(calendar=calendar))

    async def replace_calendar(
        self, calendar: Calendar, *, expected_version: int | None = None
    ) -> tuple[Calendar, bool]:
        """Create, or replace by group and name; whether it was created.

        Slots that are due are decided by the old one, all later ones by the new one. An equal
        definition changes nothing. Raises StaleVersion.
        """
        return await self._ask(
            c.ReplaceCalendar(calendar=calendar, expected_version=expected_version)
        )

    async def delete_calendar(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> None:
        """Raises NotFound, StaleVersion, Conflict calendar_in_use while a trigger obeys it."""
        await self._ask(c.DeleteCalendar(group=group, name=name, expected_version=expected_version))

    async def get_calendar(self, group: str, name: str) -> Calendar:
        """Raises NotFound."""
        return found(await self._ask(c.GetCalendar(group=group, name=name)), "calendar", name)

    async def list_calendars(self, filter: CalendarFilter) -> list[Calendar]:
        """One page, by group and name."""
        return await self._ask(c.ListCalendars(filter=filter))
