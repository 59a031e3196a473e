"""Chunks: the items of a reader, so many at a time, each chunk committed with its output.

    async for chunk in ctx.chunks(orders, size=500):   # raises Interrupted when a stop was asked
        rows = [convert(order) for order in chunk]     # slow work: outside of the transaction
        async with chunk as tx:                        # BEGIN
            await tx.executemany(INSERT, rows)         # COMMIT, with checkpoint and counters

A chunk that is not entered would not be remembered as done: the next turn, or the end of the step,
raises ChunkNotCommitted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, overload

from callboard.batch.reading import Reading
from callboard.batch.skipping import skipped_item
from callboard.batch.transaction import StepTransaction
from callboard.domain.batch_step import SkippedItem
from callboard.domain.json import Json
from callboard.errors import UsageError, invalid

if TYPE_CHECKING:
    from callboard.batch.context import StepContext

MAX_SIZE: Final = 1_000_000
MAX_NUMBER: Final = 2**53


class ChunkNotCommitted(UsageError):
    """A chunk was left without having been committed."""

    def __init__(self, number: int, *, has_failed: bool) -> None:
        why = "it was rolled back" if has_failed else "`async with chunk` was never entered"
        super().__init__(
            f"chunk {number} of this step was not committed: {why}. Its items would be lost; "
            "enter it (a block that only passes commits the checkpoint alone), or let its error out"
        )


class Chunk(Sequence[Any]):
    """The items that were read, and the transaction that they commit in."""

    def __init__(
        self, ctx: StepContext, reading: Reading, items: list[Any], cursor: Json, number: int
    ) -> None:
        self.items = items
        self.number = number
        """From 1, in this execution of the step."""
        self.is_committed = False
        self.has_failed = False
        self._ctx = ctx
        self._reading = reading
        self._cursor = cursor
        self._transaction: StepTransaction | None = None
        self._filtered = 0
        self._wrote: int | None = None
        self._skipped: list[SkippedItem] = []

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.items[index]

    def __repr__(self) -> str:
        return f"<Chunk {self.number} of {len(self.items)} items>"

    def skip(self, item: object, reason: str | BaseException) -> None:
        """Pass an item over: it is counted, and kept with the chunk for people to look at."""
        self._skipped.append(_skipped(item, reason))

    def filter(self, number: int = 1) -> None:
        """Count items that are not written on purpose."""
        self._filtered += _number("filter", number)

    def wrote(self, number: int) -> None:
        """Say how many were written, when it is not all that were neither skipped nor filtered."""
        self._wrote = _number("wrote", number)

    async def __aenter__(self) -> StepTransaction:
        if self.is_committed:
            raise UsageError(f"chunk {self.number} was committed before")
        self._transaction = self._ctx.transaction()
        return await self._transaction.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        transaction = self._transaction
        assert transaction is not None
        self.has_failed = True
        if error is None:
            self._count(transaction)
        await transaction.__aexit__(kind, error, traceback)
        if error is None:
            self.is_committed = True

    def _count(self, transaction: StepTransaction) -> None:
        transaction.keep(self._reading, self._cursor)
        for item in self._skipped:
            transaction.skipped(item)
        left = len(self.items) - self._filtered - len(self._skipped)
        transaction.count(
            writes=max(0, left) if self._wrote is None else self._wrote,
            filters=self._filtered,
            process_skips=len(self._skipped),
        )


class Chunks:
    """What `ctx.chunks` gives: an async iterator of chunks, to be used once."""

    def __init__(
        self, ctx: StepContext, open_reading: Callable[[], Awaitable[Reading]], size: int
    ) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_SIZE:
            raise invalid("size", f"{size!r} is not a number from 1 to {MAX_SIZE}")
        self._ctx = ctx
        self._size = size
        self._open_reading = open_reading
        self._reading: Reading | None = None
        self._last: Chunk | None = None
        self._number = 0
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        """Raises Interrupted when a stop was asked, ChunkNotCommitted."""
        self.check_committed()
        self._ctx.check_stop()
        if self._is_over:
            raise StopAsyncIteration
        reading = self._reading
        if reading is None:
            reading = self._reading = await self._open_reading()
        items, cursors = await reading.take(self._size)
        if len(items) < self._size:
            reading.raise_kept()
            self._is_over = True
        if not items:
            raise StopAsyncIteration
        self._number += 1
        self._last = Chunk(self._ctx, reading, items, cursors[-1], self._number)
        return self._last

    def check_committed(self) -> None:
        """Raises ChunkNotCommitted when the last chunk it gave was left as it was."""
        last = self._last
        if last is not None and not last.is_committed:
            raise ChunkNotCommitted(last.number, has_failed=last.has_failed)

    async def close(self) -> None:
        if self._reading is not None:
            await self._reading.close()


def _number(field: str, number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < MAX_NUMBER:
        raise invalid(field, f"{number!r} is not a number of items", "give an integer from 0 on")
    return number


def _skipped(item: object, reason: str | BaseException) -> SkippedItem:
    if isinstance(reason, BaseException):
        return skipped_item("process", item, reason)
    kept = skipped_item("process", item, Exception(reason))
    return replace(kept, error_type="Skipped")
