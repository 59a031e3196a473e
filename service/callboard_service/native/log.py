"""/v1/runs/{id}/log: what a run wrote, as a page or as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from aiohttp import web

from callboard.domain.log import LogLine
from callboard_service.call import Call, Route, json_answer
from callboard_service.following import Source
from callboard_service.native.streaming import choose_sink, give_stream, resumed_after
from callboard_service.paging import Paged, cursor_for, place_of
from callboard_service.wire.events import end_message, line_message
from callboard_service.wire.runs import LogLineResource, log_line_resource
from callboard_service.wire.shapes import Page

MAX_SEQ: Final = 2**53 - 1
PAGES_READ: Final = 20
"""Pages looked through for lines of a level by one request; its cursor goes on."""
SEVERITY: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}

Level: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]


class LogQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which lines to give."""

    after: Annotated[
        int, msgspec.Meta(description="lines with a seq above it", ge=0, le=MAX_SEQ)
    ] = 0
    level: Annotated[
        Level | None, msgspec.Meta(description="only what was logged at this level or above")
    ] = None


class LogSource:
    """The lines of a run, then its end."""

    def __init__(self, call: Call[LogQuery], after: int) -> None:
        self._call = call
        self._after = after

    @property
    def after(self) -> int:
        return self._after

    async def messages(self) -> AsyncIterator[tuple[bytes, int]]:
        call, run_id = self._call, self._call.run_id
        async for line in call.board.follow_log(run_id, after=self._after):
            self._after = line.seq
            if is_wanted(line, call.query.level):
                yield line_message(line), line.seq
        run = await call.board.get_run(run_id)
        yield end_message(self._after, run.state), self._after


async def get_log(call: Call[LogQuery]) -> web.StreamResponse:
    sink = choose_sink(call)
    if sink is None:
        return await _page(call)
    await call.board.get_run(call.run_id)
    after = resumed_after(call, call.query.after, MAX_SEQ) or 0
    return await give_stream(call, sink, _opened(LogSource(call, after)), after)


def is_wanted(line: LogLine, level: Level | None) -> bool:
    """Whether the line is at the level or above; lines without a level are below all."""
    if level is None:
        return True
    return SEVERITY.get(line.level or "", 0) >= SEVERITY[level.upper()]


async def _page(call: Call[LogQuery]) -> web.Response:
    query = call.query
    place = place_of("log", query)
    after = place[0] if place else query.after
    found: list[LogLine] = []
    has_more = True
    for _ in range(PAGES_READ):
        lines = await call.board.read_log(call.run_id, after=after, limit=query.limit + 1)
        has_more = len(lines) > query.limit
        for line in lines[: query.limit]:
            after = line.seq
            if is_wanted(line, query.level):
                found.append(line)
                if len(found) == query.limit:
                    has_more = has_more or line.seq < lines[-1].seq
                    break
        if not has_more or len(found) == query.limit:
            break
    cursor = cursor_for("log", query, [after]) if has_more else None
    return json_answer(Page(items=[log_line_resource(line) for line in found], next_cursor=cursor))


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
