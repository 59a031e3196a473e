"""Lists in parts: limits, and cursors that stay right while rows change.

A cursor names the last item of its page (a name, an id), not a distance, so rows that come or go
between two pages make the next one neither skip nor repeat. It is opaque to clients: a checksum
over it and the list's filters tells a changed or misplaced one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
import orjson

from callboard_service.portions import Contents, Named, Numbered, Read, read_in_portions
from callboard_service.problems import Refusal
from callboard_service.wire.shapes import Page

T = TypeVar("T")
R = TypeVar("R")

MAX_LIMIT: Final = 1000
_SUM_BYTES: Final = 9
_MAX_CURSOR: Final = 2000

Limit: TypeAlias = Annotated[
    int,
    msgspec.Meta(
        description="items at the most; a page of large ones is shorter, `next_cursor` says if "
        "there are more",
        ge=1,
        le=MAX_LIMIT,
    ),
]
Cursor: TypeAlias = Annotated[
    str | None, msgspec.Meta(description="`next_cursor` of the page before")
]


class Paged(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The query of every list; its other parameters are the list's filters."""

    limit: Limit = 100
    cursor: Cursor = None


def place_of(list_name: str, query: Paged) -> list[Any] | None:
    """What `cursor_for` was given for the page before; None on the first page.

    Raises:
        Refusal: invalid_cursor.
    """
    if query.cursor is None:
        return None
    data = _decoded(query.cursor)
    checksum, place = data[:_SUM_BYTES], data[_SUM_BYTES:]
    if checksum != _checksum(list_name, query, place):
        raise _bad_cursor()
    found: list[Any] = orjson.loads(place)
    return found


def cursor_for(list_name: str, query: Paged, place: Sequence[Any]) -> str:
    """The cursor of the page that follows `place`, JSON values that say where."""
    data = orjson.dumps(list(place))
    return base64.urlsafe_b64encode(_checksum(list_name, query, data) + data).decode().rstrip("=")


def page_of(
    list_name: str,
    query: Paged,
    found: Sequence[T],
    *,
    shown_as: Callable[[T], R],
    place: Callable[[T], Sequence[Any]],
) -> Page[R]:
    """The page of a list.

    Args:
        found: its items, and one more where there is a next page.
        place: of an item, for `cursor_for`.
    """
    shown, has_more = found[: query.limit], len(found) > query.limit
    return _page(list_name, query, shown, has_more, shown_as, place)


async def page_by_bytes(
    list_name: str,
    query: Paged,
    read: Read[T],
    *,
    contents: Contents[T],
    shown_as: Callable[[T], R],
    place: Callable[[T], Sequence[Any]],
) -> Page[R]:
    """The page of a list of things that may be large: see `portions`."""
    shown, has_more = await read_in_portions(query.limit, read, contents)
    return _page(list_name, query, shown, has_more, shown_as, place)


def _page(
    list_name: str,
    query: Paged,
    shown: Sequence[T],
    has_more: bool,
    shown_as: Callable[[T], R],
    place: Callable[[T], Sequence[Any]],
) -> Page[R]:
    cursor = cursor_for(list_name, query, place(shown[-1])) if has_more else None
    return Page(items=[shown_as(each) for each in shown], next_cursor=cursor)


def by_name(thing: Named) -> tuple[str, str]:
    """The place of a thing in a list by group and name."""
    return thing.group, thing.name


def by_id(thing: Numbered) -> tuple[int]:
    """The place of a thing in a list by id."""
    return (thing.id,)


def _checksum(list_name: str, query: Paged, place: bytes) -> bytes:
    filters = msgspec.structs.asdict(query)
    del filters["cursor"], filters["limit"]
    content = orjson.dumps([list_name, filters], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(content + b"\n" + place, digest_size=_SUM_BYTES).digest()


def _decoded(cursor: str) -> bytes:
    if len(cursor) > _MAX_CURSOR:
        raise _bad_cursor()
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _bad_cursor() from None


def _bad_cursor() -> Refusal:
    return Refusal("invalid_cursor", "the cursor is not one that this list gave for these filters")
