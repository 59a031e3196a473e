"""One run as an answer, when it has ended where the client wants to wait for that."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from callboard.domain.run import Run
from callboard.errors import CallboardError
from callboard_service.call import Call
from callboard_service.native.tagged import tagged_answer
from callboard_service.tasks import first_of
from callboard_service.wire.runs import run_resource


def run_answer(call: Call[Any], run: Run, *, status: int = 200) -> web.Response:
    """The run with its ETag, and with its place when it is new."""
    location = call.url("get_run", id=str(run.id)) if status == 201 else None
    return tagged_answer(call, run_resource(run), status=status, location=location)


async def done_answer(
    call: Call[Any], run: Run, wait_s: float, *, status: int = 200
) -> web.Response:
    """The answer to whoever started or stopped the run, when it has ended or the time is over."""
    if wait_s and not run.has_ended:
        try:
            run = await waited(call, run, wait_s)
        except CallboardError:
            pass  # it is done, and the client has to hear that
    return run_answer(call, run, status=status)


async def waited(call: Call[Any], run: Run, wait_s: float) -> Run:
    """The run when it has ended, time is over, or the service stops."""

    async def until_closed() -> None:
        await call.service.streams.closed()

    ended = await first_of(call.board.wait_run(run.id, timeout_s=wait_s), until_closed())
    return run if ended is None else ended
