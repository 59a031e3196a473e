"""/v1/runs/{id}/log: what a run wrote, as a page or as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from aiohttp import web

from callboard.domain.log import MAX_SEARCH, LogFilter
from callboard_service.call import Call, Route, json_answer
from callboard_service.following import Source
from callboard_service.native.streaming import choose_sink, give_stream, resumed_after
from callboard_service.paging import Paged, cursor_for, place_of
from callboard_service.wire.events import end_message, line_message
from callboard_service.wire.runs import LogLineResource, log_line_resource
from callboard_service.wire.shapes import Page

MAX_SEQ: Final = 2**53 - 1

Level: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]
LogStream: TypeAlias = Literal["stdout", "stderr", "log"]


class LogQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which lines to give."""

    after: Annotated[
        int, msgspec.Meta(description="lines with a seq above it", ge=0, le=MAX_SEQ)
    ] = 0
    level: Annotated[
        Level | None, msgspec.Meta(description="only what was logged at this level or above")
    ] = None
    search: (
        Annotated[
            str,
            msgspec.Meta(
                description="only lines with this text in them, in any case; none of its "
                "characters is special",
                min_length=1,
                max_length=MAX_SEARCH,
            ),
        ]
        | None
    ) = None
    stream: Annotated[LogStream | None, msgspec.Meta(description="only what was written to it")] = (
        None
    )

    @property
    def filter(self) -> LogFilter:
        level = None if self.level is None else self.level.upper()
        return LogFilter(level=level, search=self.search, stream=self.stream)


class LogSource:
    """The lines of a run, then its end."""

    def __init__(self, call: Call[LogQuery], after: int) -> None:
        self._call = call
        self._tail = call.board.follow_log(call.run_id, after=after, filter=call.query.filter)

    @property
    def after(self) -> int:
        return self._tail.after

    async def messages(self) -> AsyncIterator[tuple[bytes, int]]:
        async for line in self._tail:
            yield line_message(line), line.seq
        run = await self._call.board.get_run(self._call.run_id)
        yield end_message(self.after, run.state), self.after


async def get_log(call: Call[LogQuery]) -> web.StreamResponse:
    sink = choose_sink(call)
    if sink is None:
        return await _page(call)
    await call.board.get_run(call.run_id)
    after = resumed_after(call, call.query.after, MAX_SEQ) or 0
    return await give_stream(call, sink, _opened(LogSource(call, after)), after)


async def _page(call: Call[LogQuery]) -> web.Response:
    query = call.query
    place = place_of("log", query)
    after = place[0] if place else query.after
    page = await call.board.search_log(call.run_id, query.filter, after=after, limit=query.limit)
    cursor = cursor_for("log", query, [page.after]) if page.has_more else None
    items = [log_line_resource(line) for line in page.lines]
    return json_answer(Page(items=items, next_cursor=cursor))


@asynccontextmanager
async def _opened(source: Source) -> AsyncIterator[Source]:
    yield source


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/runs/{id}/log",
        name="get_log",
        summary="Get the log of a run; as a WebSocket or Server-Sent Events, follow it",
        handle=get_log,
        query=LogQuery,
        answers={200: Page[LogLineResource]},
        problems=("not_found", "invalid_cursor", "invalid_header"),
        head=False,
    ),
)
