"""/v1/jobs/{name}/bookmark: how far the runs of a job have got."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard.errors import NotFound
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.groups import InGroup
from callboard_service.wire.bookmarks import (
    BookmarkResource,
    ResetInput,
    RunId,
    bookmark_resource,
    read_reset,
)


class BookmarkQuery(InGroup, kw_only=True, forbid_unknown_fields=True):
    """Which version of a bookmark to show."""

    run_id: Annotated[
        RunId | None, msgspec.Meta(description="as it last stood at this run; else as it is")
    ] = None


async def get_bookmark(call: Call[BookmarkQuery]) -> web.Response:
    group, name, run_id = call.query.group, call.name, call.query.run_id
    bookmark = await call.board.get_bookmark(group, name, run_id=run_id)
    if bookmark is None:
        raise NotFound("bookmark", name if run_id is None else f"{name} at run {run_id}")
    return json_answer(bookmark_resource(bookmark, group, name))


async def reset_bookmark(call: Call[InGroup]) -> web.Response:
    run_id = read_reset(call.body(optional=True))
    bookmark = await call.board.reset_bookmark(call.query.group, call.name, run_id=run_id)
    return json_answer(bookmark_resource(bookmark, call.query.group, call.name))


_ONE: Final = "/v1/jobs/{name}/bookmark"

ROUTES: Final = (
    Route(
        method="GET",
        path=_ONE,
        name="get_bookmark",
        summary="Get the bookmark of a job, which its successful runs move",
        handle=get_bookmark,
        query=BookmarkQuery,
        answers={200: BookmarkResource},
        problems=("not_found",),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/reset",
        name="reset_bookmark",
        summary="Set a bookmark to the beginning, or back to where it stood after a run",
        handle=reset_bookmark,
        query=InGroup,
        body=ResetInput,
        body_optional=True,
        answers={200: BookmarkResource},
        problems=("not_found", "invalid_input"),
    ),
)
