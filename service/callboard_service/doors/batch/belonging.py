"""Whose things are: to a request that names a group, those of others are not there."""

from __future__ import annotations

from typing import Any

from callboard.errors import NotFound
from callboard_service.call import Call
from callboard_service.doors.batch.operation import GROUP, Kind, group_of


async def check_group(call: Call[Any], kind: Kind) -> None:
    """Refuse what is asked, by its id, of a thing of another group than the header names.

    Raises:
        NotFound: as if there were no such thing.
        Refusal: invalid_header.
    """
    if GROUP not in call.request.headers:
        return
    number = call.id_of(kind)
    if await _group(call, kind, number) != group_of(call.request):
        raise NotFound(kind, number)


async def _group(call: Call[Any], kind: Kind, number: int) -> str:
    match kind:
        case "run":
            return (await call.board.get_run(number)).group
        case "instance":
            return (await call.board.operator.instance(number)).group
        case "step":
            step = await call.board.operator.step(number)
            return (await call.board.operator.instance(step.instance_id)).group
