"""/v1/calendars: named sets of instants that triggers leave out or keep to."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callboard.domain.calendar import Calendar
from callboard.store.contract import CalendarFilter
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.definition import (
    check_patch,
    created_body,
    replaced_body,
    store_patched,
)
from callboard_service.native.groups import InGroup, IntoGroup, KnownName
from callboard_service.native.stored import find_or_none, stored_answer
from callboard_service.paging import Paged, by_name, page_by_bytes, place_of
from callboard_service.portions import in_order_of_names, of_calendars
from callboard_service.preconditions import (
    check_absent,
    expected_version,
    is_unchanged,
    version_tag,
)
from callboard_service.wire.calendars import (
    CalendarInput,
    CalendarResource,
    calendar_resource,
    patched_calendar,
    read_calendar,
)
from callboard_service.wire.shapes import JsonMap, Page


class CalendarsQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which calendars to list."""

    group: KnownName | None = None


async def create_calendar(call: Call[IntoGroup]) -> web.Response:
    calendar = read_calendar(created_body(call.body(), call.query.group))
    return _answer(call, await call.board.create_calendar(calendar), created=True)


async def list_calendars(call: Call[CalendarsQuery]) -> web.Response:
    query = call.query
    place = place_of("calendars", query)
    wanted = CalendarFilter(group=query.group, after=(place[0], place[1]) if place else None)
    read = in_order_of_names(call.board.list_calendars, wanted)
    return json_answer(
        await page_by_bytes(
            "calendars",
            query,
            read,
            contents=of_calendars,
            shown_as=calendar_resource,
            place=by_name,
        )
    )


async def get_calendar(call: Call[InGroup]) -> web.Response:
    calendar = await call.board.get_calendar(call.query.group, call.name)
    if is_unchanged(call.request, version_tag(calendar)):
        return web.Response(status=304, headers={"ETag": version_tag(calendar)})
    return _answer(call, calendar)


async def put_calendar(call: Call[InGroup]) -> web.Response:
    present = await _find(call)
    check_absent(call.request, present)
    expected = expected_version(call.request, "calendar", present)
    body = replaced_body(call.body(), present, call.name, call.query.group)
    stored, created = await call.board.replace_calendar(
        read_calendar(body), expected_version=expected
    )
    return _answer(call, stored, created=created)


async def patch_calendar(call: Call[InGroup]) -> web.Response:
    patch = call.body()
    check_patch(patch, call.name, call.query.group)

    async def get() -> Calendar:
        return await call.board.get_calendar(call.query.group, call.name)

    async def store(present: Calendar) -> tuple[Calendar, bool]:
        calendar = read_calendar(patched_calendar(present, patch))
        return await call.board.replace_calendar(calendar, expected_version=present.version)

    return _answer(call, await store_patched(call.request, "calendar", get, store))


async def delete_calendar(call: Call[InGroup]) -> web.Response:
    expected = expected_version(call.request, "calendar", await _find(call))
    await call.board.delete_calendar(call.query.group, call.name, expected_version=expected)
    return web.Response(status=204)


async def _find(call: Call[InGroup]) -> Calendar | None:
    return await find_or_none(call.board.get_calendar(call.query.group, call.name))


def _answer(
    call: Call[InGroup] | Call[IntoGroup], calendar: Calendar, *, created: bool = False
) -> web.Response:
    return stored_answer(
        call, "get_calendar", calendar, calendar_resource(calendar), created=created
    )


_ONE: Final = "/v1/calendars/{name}"

ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/calendars",
        name="create_calendar",
        summary="Create a calendar",
        handle=create_calendar,
        query=IntoGroup,
        body=CalendarInput,
        answers={201: CalendarResource},
        problems=("already_exists", "invalid_input"),
    ),
    Route(
        method="GET",
        path="/v1/calendars",
        name="list_calendars",
        summary="List calendars by group and name",
        handle=list_calendars,
        query=CalendarsQuery,
        answers={200: Page[CalendarResource]},
        problems=("invalid_cursor",),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_calendar",
        summary="Get a calendar",
        handle=get_calendar,
        query=InGroup,
        answers={200: CalendarResource, 304: None},
        problems=("not_found",),
    ),
    Route(
        method="PUT",
        path=_ONE,
        name="put_calendar",
        summary="Create or replace a calendar; slots not decided yet follow it at once",
        handle=put_calendar,
        query=InGroup,
        body=CalendarInput,
        answers={200: CalendarResource, 201: CalendarResource},
        problems=("not_found", "stale_version", "invalid_input"),
    ),
    Route(
        method="PATCH",
        path=_ONE,
        name="patch_calendar",
        summary="Change some fields of a calendar (JSON merge patch)",
        handle=patch_calendar,
        query=InGroup,
        body=JsonMap,
        answers={200: CalendarResource},
        problems=("not_found", "stale_version", "invalid_input"),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        name="delete_calendar",
        summary="Delete a calendar that no trigger obeys",
        handle=delete_calendar,
        query=InGroup,
        answers={204: None},
        problems=("not_found", "stale_version", "calendar_in_use"),
    ),
)
