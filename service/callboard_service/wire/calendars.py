"""Calendars on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import msgspec

from callboard.domain.calendar import Calendar
from callboard.domain.names import DEFAULT_GROUP
from callboard_service.wire.fields import read_value
from callboard_service.wire.patch import merge_patch
from callboard_service.wire.shapes import JsonMap, Moment, Name

_STAND_IN: Final = {"name": "x", "definition": {"kind": "dates", "zone": "UTC", "dates": []}}

CalendarDefinition: TypeAlias = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description=(
            "the instants that it covers. weekly: `{zone, hours: {mon: [[from, to]]}}`; "
            "dates: `{zone, dates: [date | [first, last]]}`; "
            "annual: `{zone, days: [MM-DD | [first, last]]}`; ical: `{zone, text}`; "
            "ranges: `{ranges: [[from, until]]}`"
        ),
        examples=[
            {
                "kind": "weekly",
                "zone": "Europe/Prague",
                "hours": {"mon": [["09:00", "17:00"]]},
            },
            {"kind": "annual", "zone": "Europe/Prague", "days": ["01-01", ["12-24", "12-26"]]},
            {"kind": "ranges", "ranges": [["2026-12-01T22:00:00Z", "2026-12-02T04:00:00Z"]]},
        ],
    ),
]


class CalendarInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The definition of a calendar."""

    name: Name
    group: Name | None = None
    description: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    definition: CalendarDefinition


class CalendarResource(msgspec.Struct, kw_only=True):
    """A stored calendar."""

    name: str
    group: str
    description: str
    definition: JsonMap
    version: Annotated[int, msgspec.Meta(description="counts the changes of the definition")]
    created_at: Moment | None
    updated_at: Moment | None


def read_calendar(raw: object) -> Calendar:
    """The calendar that a request describes.

    Raises:
        InvalidInput
    """
    return read_value(raw, CalendarInput, _calendar_of, stand_in=_STAND_IN)


def patched_calendar(calendar: Calendar, patch: dict[str, Any]) -> object:
    """The request that `calendar` would be after a merge patch; a new kind is a new definition."""
    definition = dict(calendar.definition)
    given = patch.get("definition")
    if isinstance(given, dict) and given.get("kind", definition["kind"]) != definition["kind"]:
        definition = {}
    document = {
        "name": calendar.name,
        "group": calendar.group,
        "description": calendar.description,
        "definition": definition,
    }
    return merge_patch(document, patch)


def calendar_resource(calendar: Calendar) -> CalendarResource:
    """The wire form of a stored calendar."""
    return CalendarResource(
        name=calendar.name,
        group=calendar.group,
        description=calendar.description,
        definition=dict(calendar.definition),
        version=calendar.version,
        created_at=calendar.created_at,
        updated_at=calendar.updated_at,
    )


def _calendar_of(given: CalendarInput) -> Calendar:
    return Calendar(
        name=given.name,
        group=given.group if given.group is not None else DEFAULT_GROUP,
        description=given.description,
        definition=given.definition,
    )
