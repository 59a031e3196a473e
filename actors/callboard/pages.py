"""Pages: lists that come in parts, so that no part keeps anybody waiting, read to their end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def all_pages(read: Callable[[T | None], Awaitable[Sequence[T]]], size: int) -> list[T]:
    """All items of a list whose pages hold `size`, but for the last one.

    Args:
        read: the page behind that item; None: the first one.
    """
    found: list[T] = []
    while True:
        page = await read(found[-1] if found else None)
        found += page
        if len(page) < size:
            return found
