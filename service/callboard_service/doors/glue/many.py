"""Many things of the board at once: by their names, or all that a filter names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from callboard.errors import NotFound
from callboard.store.contract import JobFilter, TriggerFilter
from callboard_service.doors.glue.faults import invalid_input

FEW: Final = 50
"""Names up to which things are looked up one by one."""
MOST: Final = 1000
"""Things that one answer may have, as many as the longest page."""
MOST_BYTES: Final = 32 * 2**20
"""Of the things of one answer that cannot be had in pages."""
_PAGE: Final = 100
"""Things that are read at once: each may have a megabyte."""


class Named(Protocol):
    """What has a name in a group."""

    @property
    def group(self) -> str: ...
    @property
    def name(self) -> str: ...


T = TypeVar("T")
N = TypeVar("N", bound=Named)
F = TypeVar("F", JobFilter, TriggerFilter)


async def of_names(
    names: Iterable[str],
    filter: F,
    get: Callable[[str, str], Awaitable[N]],
    list_page: Callable[[F], Awaitable[list[N]]],
    weigh: Callable[[N], int],
) -> tuple[list[N], list[str]]:
    """Those of the names that there are in the filter's group, each once, and the other names.

    Args:
        weigh: bytes of one, about.
    Raises:
        GlueFault: InvalidInputException: there are more than one answer may have.
    """
    wanted = list(dict.fromkeys(names))
    if len(wanted) <= FEW:
        found = await one_by_one(wanted, filter.group or "", get)
        _check_bytes(sum(map(weigh, found.values())))
    else:
        found = await picked(wanted, filter, list_page, weigh)
    known = [found[name] for name in wanted if name in found]
    return known, [name for name in wanted if name not in found]


async def one_by_one(
    names: Iterable[str], group: str, get: Callable[[str, str], Awaitable[T]]
) -> dict[str, T]:
    """Those of the names that there are; `get` takes the group and a name."""
    found: dict[str, T] = {}
    for name in names:
        try:
            found[name] = await get(group, name)
        except NotFound:
            continue
    return found


async def every(filter: F, list_page: Callable[[F], Awaitable[list[N]]]) -> AsyncIterator[N]:
    """All that the filter names, by group and name."""
    page = replace(filter, limit=_PAGE)
    while found := await list_page(page):
        for each in found:
            yield each
        if len(found) < _PAGE:
            return
        page = replace(page, after=(found[-1].group, found[-1].name))


async def picked(
    names: Collection[str],
    filter: F,
    list_page: Callable[[F], Awaitable[list[N]]],
    weigh: Callable[[N], int],
) -> dict[str, N]:
    """Those of the names that there are, by reading all: there may be more names than things.

    Raises:
        GlueFault: InvalidInputException: there are more than one answer may have.
    """
    wanted = frozenset(names)
    found: dict[str, N] = {}
    bytes_ = 0
    async for each in every(filter, list_page):
        if each.name in wanted:
            found[each.name] = each
            bytes_ += weigh(each)
            _check_bytes(bytes_)
        if len(found) > MOST:
            raise invalid_input(f"More than {MOST} of the names are there: ask for fewer at once.")
    return found


def _check_bytes(bytes_: int) -> None:
    if bytes_ > MOST_BYTES:
        most = f"{MOST_BYTES // 2**20} MiB"
        raise invalid_input(f"What has these names is larger than {most}: ask for fewer at once.")
