"""Pages of things that may be large: as many as one answer should hold, which may be fewer than
were asked for. A job, a run, a trigger may have a megabyte of arguments, and a page a thousand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import orjson

from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.domain.trigger import Trigger
from callboard_service.doors.glue.operation import GlueCall
from callboard_service.doors.glue.tokens import next_token, page_of

MOST_BYTES: Final = 4 * 2**20
"""Of a page, but for its first thing."""
FIRST: Final = 20
"""Things that are read at once to begin with; then twice as many each time."""

T = TypeVar("T")


async def page_in_portions(
    call: GlueCall,
    size: int,
    read: Callable[[T | None, int], Awaitable[Sequence[T]]],
    *,
    weigh: Callable[[T], int],
    place: Callable[[T], Any],
) -> tuple[Sequence[T], str | None]:
    """A page of `size` things at the most, and the token of the rest.

    Args:
        read: so many, from behind the thing; None: from where the page begins.
        weigh: bytes of one, about.
        place: of the thing that the next page begins behind.
    """
    found: list[T] = []
    bytes_, portion = 0, FIRST
    while True:
        limit = min(portion, size + 1 - len(found))
        more = await read(found[-1] if found else None, limit)
        for each in more:
            bytes_ += weigh(each)
            if bytes_ > MOST_BYTES and found:
                return found[:size], next_token(call, place(found[:size][-1]))
            found.append(each)
        if len(more) < limit or len(found) > size:
            return page_of(call, found, size, place)
        portion *= 2


def bytes_of_run(run: Run) -> int:
    return _bytes([run.arguments, run.result])


def bytes_of_job(job: Job) -> int:
    return _bytes([job.arguments, job.fixed_arguments, job.spec, job.annotations])


def bytes_of_trigger(trigger: Trigger) -> int:
    return _bytes([[action.arguments for action in trigger.actions], trigger.annotations])


def _bytes(value: object) -> int:
    return len(orjson.dumps(value, default=dict))
