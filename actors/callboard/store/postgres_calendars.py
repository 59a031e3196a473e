"""Calendars in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from callboard.domain.calendar import Calendar
from callboard.store.contract import CalendarFilter
from callboard.store.postgres_json import to_json
from callboard.store.rows import calendar_from_row
from callboard.store.statements import Row, Statements

MOST_NAMES: Final = 10
"""Triggers that are named when a calendar cannot be deleted."""


async def insert_calendar(
    sql: Statements, calendar: Calendar, now: datetime | None
) -> Calendar | None:
    row = await sql.row(
        "insert_calendar", calendar.group, calendar.name, *_definition(calendar), now
    )
    if row is None:
        return None
    created_at = row["created_at"]
    return replace(calendar, id=row["id"], version=1, created_at=created_at, updated_at=created_at)


async def update_calendar(
    sql: Statements, calendar: Calendar, now: datetime | None
) -> Calendar | None:
    row = await sql.row(
        "update_calendar", calendar.id, calendar.version, *_definition(calendar), now
    )
    if row is None:
        return None
    return replace(
        calendar,
        group=row["group_name"],
        name=row["name"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def delete_calendar(sql: Statements, calendar_id: int) -> bool:
    return await sql.value("delete_calendar", calendar_id) is not None


async def lock_calendars(
    sql: Statements, names: Sequence[tuple[str, str]], *, for_change: bool
) -> dict[tuple[str, str], Calendar]:
    if not names:
        return {}
    statement = "lock_calendars_for_change" if for_change else "lock_calendars"
    return _by_name(await sql.rows(statement, *zip(*names, strict=True)))


async def get_calendars(
    sql: Statements, names: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Calendar]:
    return _by_name(await sql.rows("get_calendars", *zip(*names, strict=True)))


async def list_calendars(sql: Statements, wanted: CalendarFilter) -> list[Calendar]:
    rows = await sql.rows("list_calendars", wanted.group, *(wanted.after or ("", "")), wanted.limit)
    return [calendar_from_row(row) for row in rows]


async def triggers_of_calendar(sql: Statements, group: str, calendar: str) -> list[str]:
    return [row[0] for row in await sql.rows("list_calendar_users", group, calendar, MOST_NAMES)]


def _by_name(rows: Sequence[Row]) -> dict[tuple[str, str], Calendar]:
    return {(row["group_name"], row["name"]): calendar_from_row(row) for row in rows}


def _definition(calendar: Calendar) -> tuple[str, str]:
    return calendar.description, to_json(calendar.definition)
