"""NextToken and MaxResults: where a list goes on, and how long its pages are.

A token is the operation and the place, with a digest against texts that are no token. It says
nothing secret, so it is not signed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import orjson

from callboard.domain.run import MAX_RUN_ID
from callboard_service.doors.glue.faults import invalid_input
from callboard_service.doors.glue.operation import GlueCall
from callboard_service.portions import Contents, Read, read_in_portions

T = TypeVar("T")

_DIGEST: Final = 6
"""Bytes."""


def next_token(call: GlueCall, place: Any) -> str:
    """The token by which the same operation goes on behind a place: texts, ids, lists of them."""
    told = orjson.dumps([call.operation, place])
    return base64.urlsafe_b64encode(_digest(told) + told).decode()


def place_of(call: GlueCall, kind: type = object) -> Any | None:
    """The place that the request goes on behind; None: it begins.

    Args:
        kind: the places of the operation are of it: anybody can make a token.

    Raises:
        GlueFault: InvalidInputException: the token is not one of this operation.
    """
    token = call.request.get("NextToken")
    if not token:
        return None
    match _told(token):
        case [call.operation, place] if _is_place(place) and kind in (object, type(place)):
            return place
    raise invalid_input("NextToken is not a token that this operation has given")


def page_size(call: GlueCall, usual: int = 100) -> int:
    """How many things the page may have; the model has checked the number's range."""
    return int(call.request.get("MaxResults", usual))


def page_of(
    call: GlueCall, found: Sequence[T], size: int, place: Callable[[T], Any]
) -> tuple[Sequence[T], str | None]:
    """The first `size` things, and the token of the rest, which was looked for one thing far.

    Args:
        place: of the thing that the next page begins behind.
    """
    if len(found) <= size:
        return found, None
    return found[:size], next_token(call, place(found[size - 1]))


async def page_by_bytes(
    call: GlueCall, read: Read[T], *, contents: Contents[T], place: Callable[[T], Any]
) -> tuple[Sequence[T], str | None]:
    """The page of things that may be large (see `portions`), and the token of the rest.

    Args:
        place: as page_of's.
    """
    page, has_more = await read_in_portions(page_size(call), read, contents)
    return page, next_token(call, place(page[-1])) if has_more else None


def _told(token: str) -> Any:
    """What the token says; None for a text that is no token."""
    try:
        packed = base64.b64decode(token, altchars=b"-_", validate=True)
        told = packed[_DIGEST:]
        return orjson.loads(told) if packed[:_DIGEST] == _digest(told) else None
    except ValueError:
        return None


def _is_place(value: Any) -> bool:
    """Whether it can be asked for: anybody can make a token, of any JSON."""
    match value:
        case str():
            return "\x00" not in value
        case int():
            return 0 < value <= MAX_RUN_ID
        case list():
            return all(not isinstance(each, list) and _is_place(each) for each in value)
    return value is None


def _digest(told: bytes) -> bytes:
    return hashlib.blake2b(told, digest_size=_DIGEST, person=b"glue token").digest()
