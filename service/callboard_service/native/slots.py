"""The slots of a trigger: what became of them (/ledger), and those to come behind it (/slots)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Final, TypeAlias

import msgspec
from aiohttp import web

from callboard.domain.instant import instant_from_text, instant_to_text
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.slot import SlotView
from callboard.errors import FieldProblem, InvalidInput
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.groups import KnownName
from callboard_service.paging import Paged, cursor_for, place_of
from callboard_service.problems import bad_query
from callboard_service.wire.shapes import Instant, Page, instant
from callboard_service.wire.slots import SlotResource, slot_resource

Fetch: TypeAlias = Callable[..., Awaitable[list[SlotView]]]
"""Gives the slots of a trigger in [since, until), at most `limit`."""

BEHIND: Final = timedelta(days=1)
AHEAD: Final = timedelta(days=7)


class SlotsQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which slots to list, earliest first."""

    group: KnownName = DEFAULT_GROUP
    from_: Annotated[
        Instant | None, msgspec.Meta(description="at or after; default: a day ago")
    ] = msgspec.field(name="from", default=None)
    until: Annotated[
        Instant | None,
        msgspec.Meta(
            description="before; default: a week behind the later of `from` and now, or now"
        ),
    ] = None


async def list_slots(call: Call[SlotsQuery]) -> web.Response:
    return await _page(call, call.board.list_slots, ahead=AHEAD)


async def list_ledger(call: Call[SlotsQuery]) -> web.Response:
    return await _page(call, call.board.read_ledger, ahead=timedelta(microseconds=1))


async def _page(call: Call[SlotsQuery], fetch: Fetch, *, ahead: timedelta) -> web.Response:
    query, route = call.query, fetch.__name__
    since, until = _window(query, call.board.present(), ahead)
    place = place_of(route, query)
    seen = 0
    if place:
        since, until, seen = _resumed(place)
    views = await fetch(
        query.group, call.name, since=since, until=until, limit=query.limit + seen + 1
    )
    if place:
        views = [view for view in views if view.slot >= since][seen:]
    shown = views[: query.limit]
    cursor = None
    if len(views) > query.limit:
        cursor = cursor_for(route, query, _place_after(shown, since, until, seen))
    return json_answer(Page(items=[slot_resource(view) for view in shown], next_cursor=cursor))


def _window(query: SlotsQuery, now: datetime, ahead: timedelta) -> tuple[datetime, datetime]:
    try:
        since, until = instant(query.from_, "from"), instant(query.until, "until")
    except InvalidInput as error:
        raise bad_query(error.problems) from None
    try:
        since = since or min(until or now, now) - BEHIND
        until = until or max(since, now) + ahead
    except OverflowError:
        raise bad_query([FieldProblem("from", "is too far away")]) from None
    if until <= since:
        raise bad_query([FieldProblem("until", "is not later than from")])
    return since, until


def _place_after(
    shown: list[SlotView], since: datetime, until: datetime, seen: int
) -> list[str | int]:
    """Where to go on: the last slot, the end, and how many entries of that slot were shown.

    Two generations of a trigger may each have an entry for one instant.
    """
    last = shown[-1].slot
    same = sum(view.slot == last for view in shown) + (seen if last == since else 0)
    return [instant_to_text(last), instant_to_text(until), same]


def _resumed(place: list[str]) -> tuple[datetime, datetime, int]:
    since, until, seen = place
    return instant_from_text(since, "cursor"), instant_from_text(until, "cursor"), int(seen)


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/triggers/{name}/slots",
        name="list_slots",
        summary="List what became of a trigger's slots, and those to come",
        handle=list_slots,
        query=SlotsQuery,
        answers={200: Page[SlotResource]},
        problems=("not_found", "invalid_cursor"),
    ),
    Route(
        method="GET",
        path="/v1/triggers/{name}/ledger",
        name="list_ledger",
        summary="List what became of a trigger's slots",
        handle=list_ledger,
        query=SlotsQuery,
        answers={200: Page[SlotResource]},
        problems=("not_found", "invalid_cursor"),
    ),
)
