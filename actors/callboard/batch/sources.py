"""Opened sources: what a reader reads from, item by item or some at a time, with their cursors."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import islice
from typing import Any, Final, Protocol, TypeAlias

from callboard.domain.json import Json

QUICK: Final = (list, tuple, range, dict, str, bytes)
"""Iterables that never wait, and so need no thread."""

InThread: TypeAlias = Callable[..., Awaitable[Any]]
Also: TypeAlias = Callable[[list[Any]], None]
"""Called with the items where they are read, when that is a thread and they were read well."""


class Items(Protocol):
    """An opened source: items with their cursors."""

    @property
    def ends_by_error(self) -> bool:
        """Whether there is nothing more behind an error, as of a generator."""
        ...

    async def some(
        self, limit: int, items: list[Any], cursors: list[Json], also: Also | None = None
    ) -> None:
        """Add up to `limit` items and their cursors; those before an error are added, too."""
        ...

    async def close(self) -> None: ...


class _AsyncItems:
    def __init__(self, source: Any, is_own: bool) -> None:
        self._source: AsyncIterator[Any] = aiter(source)
        self.ends_by_error = inspect.isasyncgen(self._source)
        self._is_own = is_own or self.ends_by_error

    async def close(self) -> None:
        close = getattr(self._source, "aclose", None)
        if close is not None and self._is_own:
            await close()


class AsyncPairs(_AsyncItems):
    async def some(
        self, limit: int, items: list[Any], cursors: list[Json], also: Also | None = None
    ) -> None:
        keep, mark = items.append, cursors.append
        async for item, cursor in self._source:
            keep(item)
            mark(cursor)
            if len(items) >= limit:
                break


class AsyncCounted(_AsyncItems):
    _done = 0

    async def pass_over(self, number: int) -> None:
        """Read so many once more; those that cannot be read were not counted."""
        self._done = number
        while number:
            try:
                await anext(self._source)
                number -= 1
            except StopAsyncIteration:
                return
            except Exception:
                if self.ends_by_error:
                    raise

    async def some(
        self, limit: int, items: list[Any], cursors: list[Json], also: Also | None = None
    ) -> None:
        keep = items.append
        try:
            async for item in self._source:
                keep(item)
                if len(items) >= limit:
                    break
        finally:
            self._done = _numbered(self._done, items, cursors)


class _SyncItems:
    """Read in a thread, unless the source is one that never waits."""

    def __init__(self, source: Any, in_thread: InThread, is_own: bool) -> None:
        self._source: Iterator[Any] = iter(source)
        self._in_thread = _at_once if isinstance(source, QUICK) else in_thread
        self.ends_by_error = inspect.isgenerator(self._source)
        self._is_own = is_own or self.ends_by_error

    async def close(self) -> None:
        close = getattr(self._source, "close", None)
        if close is not None and self._is_own:
            await self._in_thread(close)


class SyncPairs(_SyncItems):
    async def some(
        self, limit: int, items: list[Any], cursors: list[Json], also: Also | None = None
    ) -> None:
        also = None if self._in_thread is _at_once else also
        await self._in_thread(_split, self._source, limit, items, cursors, also)


class SyncCounted(_SyncItems):
    def __init__(self, source: Any, done: int, in_thread: InThread, is_own: bool) -> None:
        super().__init__(source, in_thread, is_own)
        self._done = self._to_pass = done

    async def some(
        self, limit: int, items: list[Any], cursors: list[Json], also: Also | None = None
    ) -> None:
        to_pass, self._to_pass = self._to_pass, 0
        try:
            if to_pass:
                await self._in_thread(_pass_over, self._source, to_pass, self.ends_by_error)
            also = None if self._in_thread is _at_once else also
            await self._in_thread(_extend, items, self._source, limit, also)
        finally:
            self._done = _numbered(self._done, items, cursors)


def _numbered(done: int, items: list[Any], cursors: list[Json]) -> int:
    """Give the new items their numbers behind `done`; that of the last one."""
    last = done + len(items)
    cursors.extend(range(done + 1, last + 1))
    return last


def _split(
    pairs: Iterator[tuple[Any, Json]],
    limit: int,
    items: list[Any],
    cursors: list[Json],
    also: Also | None,
) -> None:
    taken: list[tuple[Any, Json]] = []
    try:
        taken.extend(islice(pairs, limit))
    finally:
        if taken:
            firsts, seconds = zip(*taken, strict=True)
            items.extend(firsts)
            cursors.extend(seconds)
    if also is not None:
        also(items)


def _pass_over(source: Iterator[Any], number: int, ends_by_error: bool) -> None:
    """Read so many once more; those that cannot be read were not counted."""
    while number:
        try:
            next(source)
            number -= 1
        except StopIteration:
            return
        except Exception:
            if ends_by_error:
                raise


def _extend(items: list[Any], source: Iterator[Any], limit: int, also: Also | None) -> None:
    items.extend(islice(source, limit))
    if also is not None:
        also(items)


async def _at_once(call: Callable[..., Any], *args: Any) -> Any:
    return call(*args)
