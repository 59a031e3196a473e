"""/v1/backfills: slots of the past, fired now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from callboard.domain.backfill import Backfill, BackfillState
from callboard.errors import NotFound, invalid
from callboard.store.contract import BackfillFilter
from callboard_service.call import JSON_TYPE, Call, Route, json_answer
from callboard_service.native.groups import IntoGroup, KnownName
from callboard_service.paging import Paged, by_id, page_of, place_of
from callboard_service.preconditions import content_tag, is_unchanged
from callboard_service.wire.backfills import (
    BackfillInput,
    BackfillResource,
    CancelInput,
    backfill_resource,
    read_backfill,
    read_cancel,
)
from callboard_service.wire.shapes import Page
from callboard_service.wire.text import encode_json


class BackfillsQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which backfills to list."""

    group: KnownName | None = None
    trigger: KnownName | None = None
    state: BackfillState | None = None


class OneBackfill(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """No parameters: the path names the backfill."""


async def create_backfill(call: Call[IntoGroup]) -> web.Response:
    new = read_backfill(call.body(), call.query.group)
    try:
        backfill = await call.board.create_backfill(new)
    except NotFound as error:
        reason = f"there is no trigger {new.trigger!r} in the group {new.group!r}"
        raise invalid("trigger", reason) from error
    where = call.url("get_backfill", id=str(backfill.id))
    return _answer(call, backfill, status=201, headers={"Location": where})


async def list_backfills(call: Call[BackfillsQuery]) -> web.Response:
    query = call.query
    place = place_of("backfills", query)
    backfills = await call.board.list_backfills(
        BackfillFilter(
            group=query.group,
            trigger=query.trigger,
            state=query.state,
            before_id=place[0] if place else None,
            limit=query.limit + 1,
        )
    )
    return json_answer(
        page_of("backfills", query, backfills, shown_as=backfill_resource, place=by_id)
    )


async def get_backfill(call: Call[OneBackfill]) -> web.Response:
    return _answer(call, await call.board.get_backfill(call.id_of("backfill")))


async def pause_backfill(call: Call[OneBackfill]) -> web.Response:
    return _answer(call, await call.board.pause_backfill(call.id_of("backfill")))


async def resume_backfill(call: Call[OneBackfill]) -> web.Response:
    return _answer(call, await call.board.resume_backfill(call.id_of("backfill")))


async def cancel_backfill(call: Call[OneBackfill]) -> web.Response:
    given = read_cancel(call.body(optional=True))
    backfill = await call.board.cancel_backfill(call.id_of("backfill"), stop_runs=given.stop_runs)
    return _answer(call, backfill)


def _answer(
    call: Call[Any],
    backfill: Backfill,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    body = encode_json(backfill_resource(backfill))
    tags = {"ETag": content_tag(body)}
    if call.request.method != "POST" and is_unchanged(call.request, tags["ETag"]):
        return web.Response(status=304, headers=tags)
    media = {"Content-Type": JSON_TYPE}
    return web.Response(body=body, status=status, headers={**(headers or {}), **tags, **media})


_ONE: Final = "/v1/backfills/{id}"

ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/backfills",
        name="create_backfill",
        summary="Fire slots of the past that have not fired, in [from_at, until_at)",
        handle=create_backfill,
        query=IntoGroup,
        body=BackfillInput,
        answers={201: BackfillResource},
        problems=("invalid_input", "trigger_paused"),
    ),
    Route(
        method="GET",
        path="/v1/backfills",
        name="list_backfills",
        summary="List backfills, newest first",
        handle=list_backfills,
        query=BackfillsQuery,
        answers={200: Page[BackfillResource]},
        problems=("invalid_cursor",),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_backfill",
        summary="Get a backfill and how far it is",
        handle=get_backfill,
        query=OneBackfill,
        answers={200: BackfillResource, 304: None},
        problems=("not_found",),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/pause",
        name="pause_backfill",
        summary="Fire no more of its slots for now; its live runs go on",
        handle=pause_backfill,
        query=OneBackfill,
        answers={200: BackfillResource},
        problems=("not_found", "backfill_ended"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/resume",
        name="resume_backfill",
        summary="Go on with a paused backfill",
        handle=resume_backfill,
        query=OneBackfill,
        answers={200: BackfillResource},
        problems=("not_found", "backfill_ended"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/cancel",
        name="cancel_backfill",
        summary="Fire no more of its slots, for good",
        handle=cancel_backfill,
        query=OneBackfill,
        body=CancelInput,
        body_optional=True,
        answers={200: BackfillResource},
        problems=("not_found", "backfill_ended", "invalid_input"),
    ),
)
