"""A stored definition: as a request finds it, and as it is answered."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from aiohttp import web

from callboard.errors import NotFound
from callboard_service.call import Call, json_answer
from callboard_service.preconditions import Versioned, version_tag

V = TypeVar("V", bound=Versioned)


async def find_or_none(getting: Awaitable[V]) -> V | None:
    """What `board.get_...` finds; None where there is no such thing."""
    try:
        return await getting
    except NotFound:
        return None


def stored_answer(
    call: Call[Any], route: str, thing: Versioned, resource: object, *, created: bool
) -> web.Response:
    """The answer to whoever wrote or read it, with its ETag, and where it is when it is new.

    Args:
        route: name of the route that gets such a thing.
        resource: its wire form.
    """
    headers = {"ETag": version_tag(thing)}
    if created:
        headers["Location"] = call.url(route, thing.group, name=thing.name)
    return json_answer(resource, status=201 if created else 200, headers=headers)
