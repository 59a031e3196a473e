"""Readers: where a step's items come from, and how it finds its place again.

A function of `(ctx, after)` yields `(item, cursor)`: its place is the cursor of the last item that
was committed, given back as `after` (None: the beginning). A function of `(ctx)` or of nothing
yields items, as any iterable does: its place is the number of items, and on a restart so many are
read again and passed over.

Functions may be async or sync generators, or give an iterable. What is sync is read in a thread, a
hop for each chunk; lists, tuples and ranges are not. A count is worth something only where the
items come again in the same order, with none put before: better is a cursor that is a key (B19).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from callboard.batch.skipping import Unreadable
from callboard.batch.sources import (
    Also,
    AsyncCounted,
    AsyncPairs,
    InThread,
    Items,
    SyncCounted,
    SyncPairs,
)
from callboard.batch.tally import Tally
from callboard.domain.json import Json
from callboard.errors import UsageError

if TYPE_CHECKING:
    from callboard.batch.context import StepContext

MAX_NAME: Final = 255
GIVEN: Final = ("ctx", "after")
"""Names of parameters that mean the context and the cursor even where they have defaults."""


class Reader:
    """A source with a name, under which its place is kept."""

    def __init__(self, source: Any, *, name: str | None = None, save_state: bool = True) -> None:
        """Args:
        source: see above.
        name: unique within a step; a function's own by default, `items` of an iterable.
        save_state: False: nothing is kept, and a restart reads from the beginning (for sources
            that say themselves what is left to do).
        """
        self.source = source
        self.name = name or _name_of(source)
        self.save_state = save_state
        if not 1 <= len(self.name) <= MAX_NAME:
            raise UsageError(f"the name of a reader has 1 to {MAX_NAME} characters")

    def __repr__(self) -> str:
        return f"<Reader {self.name}>"

    @property
    def has_cursor(self) -> bool:
        """Whether it yields `(item, cursor)`."""
        return _is_function(self.source) and len(_positional(self.source)) > 1


def reader_of(source: Any, name: str | None = None) -> Reader:
    """The reader itself, or one of anything that can be read."""
    if isinstance(source, Reader):
        if name is None or name == source.name:
            return source
        return Reader(source.source, name=name, save_state=source.save_state)
    return Reader(source, name=name)


class Reading:
    """A reader that was opened at its place by one execution of a step."""

    def __init__(self, reader: Reader, items: Items, cursor: Json, tally: Tally) -> None:
        self.name = reader.name
        self.saves = reader.save_state
        """Whether its place is kept."""
        self.cursor = cursor
        """Of the item that was read last; at first, where it began."""
        self._items = items
        self._tally = tally
        self._ahead: tuple[list[Any], list[Json]] | None = None
        self._kept: tuple[BaseException, Json] | None = None
        self._dead: BaseException | None = None

    async def read(self) -> tuple[Any, Json]:
        """The next item and its cursor.

        Raises:
            StopAsyncIteration: there is no more.
        """
        items, cursors = await self.take(1)
        if not items:
            raise StopAsyncIteration
        return items[0], cursors[0]

    async def take(self, limit: int, also: Also | None = None) -> tuple[list[Any], Sequence[Json]]:
        """The next items, up to `limit`, and their cursors; none: that was all.

        An error behind some items is raised by the next call; after that, calls go on behind it,
        but where the source has ended with it: then it is raised again.

        Args:
            also: what else is to be done with the items where they are read; see sources.py.
        """
        self.raise_kept()
        items, cursors = await self._next(limit, also)
        if Unreadable in set(map(type, items)):
            items, cursors = self._before_unreadable(items, cursors)
        if not items:
            self.raise_kept()
            return items, cursors
        self._tally.reads += len(items)
        self.cursor = cursors[-1]
        return items, cursors

    def raise_kept(self) -> None:
        """Raise the error that came behind the items of the last call, if there was one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            error, cursor = kept
            self.cursor = self.cursor if cursor is None else cursor
            raise error
        if self._dead is not None and self._ahead is None:
            raise self._dead

    async def close(self) -> None:
        """Have a generator run its `finally`."""
        await self._items.close()

    async def _next(self, limit: int, also: Also | None) -> tuple[list[Any], list[Json]]:
        if self._ahead is not None:
            items, cursors = self._ahead
            self._ahead = (items[limit:], cursors[limit:]) if len(items) > limit else None
            return items[:limit], cursors[:limit]
        items, cursors = [], []
        try:
            await self._items.some(limit, items, cursors, also)
        except Exception as error:  # noqa: BLE001 - raised when what came before it is taken
            items.append(Unreadable(error))
            cursors.append(getattr(error, "cursor", None))
            self._dead = error if self._items.ends_by_error else None
        return items, cursors

    def _before_unreadable(
        self, items: list[Any], cursors: list[Json]
    ) -> tuple[list[Any], list[Json]]:
        at = next(index for index, item in enumerate(items) if type(item) is Unreadable)
        if len(items) > at + 1:
            more = self._ahead or ([], [])
            self._ahead = items[at + 1 :] + more[0], cursors[at + 1 :] + more[1]
        error = items[at].error
        if items[at].item is not None and getattr(error, "item", None) is None:
            with suppress(AttributeError):
                error.item = items[at].item
        self._kept = error, cursors[at]
        return items[:at], cursors[:at]


async def open_reader(
    reader: Reader, ctx: StepContext, cursor: Json, args: Mapping[str, Any], tally: Tally
) -> Reading:
    """Open it behind `cursor`."""
    source = reader.source
    if _is_function(source):
        source = await _called(reader, ctx, cursor, args)
    is_own = source is not reader.source
    items: Items
    if reader.has_cursor:
        items = _pairs(reader, source, ctx.in_thread, is_own)
    else:
        items = await _counted(reader, ctx, source, cursor, is_own)
    return Reading(reader, items, cursor, tally)


async def _called(reader: Reader, ctx: StepContext, cursor: Json, args: Mapping[str, Any]) -> Any:
    given = (ctx, cursor)[: len(_positional(reader.source))]
    made = reader.source(*given, **args)
    if inspect.isawaitable(made):
        made = await made
    return made


def _pairs(reader: Reader, source: Any, in_thread: InThread, is_own: bool) -> Items:
    if hasattr(source, "__aiter__"):
        return AsyncPairs(source, is_own)
    if hasattr(source, "__iter__"):
        return SyncPairs(source, in_thread, is_own)
    raise _unreadable(reader, source)


async def _counted(
    reader: Reader, ctx: StepContext, source: Any, cursor: Json, is_own: bool
) -> Items:
    done = cursor if isinstance(cursor, int) else 0
    if done:
        ctx.log.warning(
            "reader %s goes on behind item %d by counting: this is right only when its items come "
            "again in the same order, none put before or taken away; a reader that yields "
            "(item, cursor) does not depend on that",
            reader.name,
            done,
        )
    if hasattr(source, "__aiter__"):
        counted = AsyncCounted(source, is_own)
        await counted.pass_over(done)
        return counted
    if hasattr(source, "__iter__"):
        return SyncCounted(source, done, ctx.in_thread, is_own)
    raise _unreadable(reader, source)


def _is_function(source: object) -> bool:
    """Whether it is to be called, and is no iterable itself."""
    if isinstance(source, type):
        return True
    return callable(source) and not hasattr(source, "__iter__") and not hasattr(source, "__aiter__")


def _positional(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Parameters that the context and the cursor are given by: the first two, without those that
    have a default of their own, which only `args` may name."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [
        each
        for each in parameters
        if each.kind in kinds and (each.default is inspect.Parameter.empty or each.name in GIVEN)
    ][:2]


def _name_of(source: Any) -> str:
    if not _is_function(source):
        return "items"
    for attribute in ("name", "__name__"):
        name = getattr(source, attribute, None)
        if isinstance(name, str):
            return name
    return "items"


def _unreadable(reader: Reader, source: object) -> UsageError:
    kind = type(source).__name__
    return UsageError(f"reader {reader.name}: {kind} can be read neither by for nor by async for")
