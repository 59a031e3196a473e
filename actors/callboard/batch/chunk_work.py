"""ChunkWork: one execution of a declarative step, from its first chunk to its last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from callboard.batch.chunk_writing import ChunkWriting
from callboard.batch.faults import Faults
from callboard.batch.files import OpenFile
from callboard.batch.item_call import ItemCall
from callboard.batch.processing import Ahead, Processing
from callboard.batch.scanning import Batch, Passed
from callboard.domain.json import Json

if TYPE_CHECKING:
    from callboard.batch.chunk_step import ChunkStep
    from callboard.batch.context import StepContext
    from callboard.batch.reading import Reading

Taken: TypeAlias = tuple[Sequence[object], Sequence[Json]]
"""Items, or Passed, and their cursors."""


class ChunkWork:
    """Reads, processes and has written, until there is nothing left or a stop is asked."""

    __slots__ = (
        "_ctx",
        "_faults",
        "_has_hooks",
        "_listeners",
        "_processing",
        "_read_error",
        "_reading",
        "_size",
        "_writing",
    )

    def __init__(
        self,
        step: ChunkStep,
        ctx: StepContext,
        reading: Reading,
        *,
        size: int,
        write: ItemCall | OpenFile,
    ) -> None:
        self._ctx = ctx
        self._reading = reading
        self._size = size
        self._listeners = step.listeners
        self._has_hooks = step.listeners.has("before_read", "after_read")
        self._faults = Faults(ctx, step.listeners, step.skip, step.retry)
        self._read_error: Exception | None = None
        self._processing = None
        if step.process is not None:
            self._processing = Processing(
                ctx,
                step.process,
                concurrency=step.concurrency,
                faults=self._faults,
                listeners=step.listeners,
            )
        self._writing = ChunkWriting(
            ctx,
            reading,
            write,
            faults=self._faults,
            listeners=step.listeners,
            timeout_s=step.transaction_timeout_s,
        )

    async def run(self) -> None:
        """Raises Interrupted at a boundary, and whatever fails the step."""
        read = self._size
        while read == self._size:
            self._ctx.check_stop()
            await self._listeners.call("before_chunk", self._ctx)
            try:
                read = await self._chunk()
            except Exception as error:
                await self._listeners.call("on_chunk_error", self._ctx, error)
                raise
            if read:
                await self._listeners.call("after_chunk", self._ctx)

    async def _chunk(self) -> int:
        """One chunk, committed; its items, fewer than `size`: it was the last one."""
        ahead = None
        if self._processing is not None and not self._has_hooks:
            ahead = self._processing.ahead()
        try:
            items, cursors = await self._read(ahead)
            results = items
            if self._processing is not None:
                results = await self._processing.results(items, ahead)
        except BaseException:
            self._ctx.count(rollbacks=1)  # nothing is open yet; what was done is void all the same
            raise
        if items:
            await self._writing.write(Batch(items, results, cursors))
        return len(items)

    async def _read(self, ahead: Ahead | None) -> tuple[list[object], list[Json]]:
        """Up to `size` items and their cursors; fewer: that was all."""
        items: list[object] = []
        cursors: list[Json] = []
        while (left := self._size - len(items)) > 0:
            if self._has_hooks:
                left = 1
                await self._listeners.call("before_read", self._ctx)
            taken = await self._take(left, None if items else ahead)
            if not taken[0]:
                break
            items.extend(taken[0])
            cursors.extend(taken[1])
            if self._has_hooks:
                await self._told(taken[0])
        return items, cursors

    async def _take(self, limit: int, ahead: Ahead | None) -> Taken:
        """The next items, or Passed for one that cannot be read."""
        reading, attempt = self._reading, 1
        while True:
            before = reading.cursor
            try:
                return await reading.take(limit, ahead)
            except Exception as error:  # noqa: BLE001 - whichever it is, the policies decide
                failure = error
            await self._on_error(failure)
            # Has the reader gone on behind the item, another attempt would read the next one.
            has_moved = reading.cursor != before
            if has_moved or not await self._faults.is_another("read", attempt, failure):
                return [self._faults.passed("read", None, failure)], [reading.cursor]
            attempt += 1

    async def _on_error(self, error: Exception) -> None:
        """A source that raises the same error once more has ended: nothing helps."""
        if error is self._read_error:
            error.add_note(
                "the reader does not go on behind this error: a generator ends when it raises. "
                "Have it yield (Unreadable(error), cursor) instead, or use an iterator object."
            )
            raise error
        self._read_error = error
        await self._listeners.call("on_read_error", self._ctx, error)

    async def _told(self, items: Sequence[object]) -> None:
        for item in items:
            if not isinstance(item, Passed):
                await self._listeners.call("after_read", self._ctx, item)
