"""ChunkStep: a step of which the engine knows the parts, and so can try them again.

    settle = ChunkStep(
        "settle", read=orders, process=price, write=post, size=200,
        skip=Skip(BadOrder, limit=10), retry=Retry(SerializationFailure, attempts=4),
    )

For each chunk: up to `size` items are read, each is processed, what that gave is written in one
call, and commits together with the checkpoint and the counters.

- An item for which `process` gives None is dropped, and counted.
- An error that `retry` names is tried again: the read, the process of that item, or the write. Each
  attempt of a write is a transaction of its own: nothing is open, or locked, while it waits, and
  what fails at the commit is tried again as well. So is, without any `retry`, a few times, what
  failed because the connection to the database was lost.
- An item whose error `skip` names is passed over, and kept for people together with the error
  (SkippedItem), in the transaction of its chunk. A read that fails takes the place of an item.
- Of a chunk that cannot be written the items are written one by one, each in a transaction of its
  own, and those that fail are skipped: a writer must bear to be called again with the same items.
  `process` is not called again: an execution of the step calls it once for an item, but for its
  retries.
- One skip more than the limit, and any other error, fails the step.

Functions may be coroutine functions or plain ones; plain ones are called in a thread, once for a
chunk (`process`: with all of its items one after the other).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from callboard.batch.chunk_work import ChunkWork
from callboard.batch.files import FileWriter
from callboard.batch.item_call import ItemCall
from callboard.batch.listeners import Listener, Listeners
from callboard.batch.retrying import Retry
from callboard.batch.skipping import Skip
from callboard.batch.step import Step
from callboard.domain.batch_step import StepExecution
from callboard.domain.job import MAX_SECONDS
from callboard.domain.json import JsonObject
from callboard.errors import invalid

if TYPE_CHECKING:
    from callboard.batch.context import StepContext

SIZE: Final = 100
MOST_ITEMS: Final = 1_000_000
MOST_AT_ONCE: Final = 1_000

SizeOf = int | Callable[[Any], int]


class ChunkStep(Step):
    """Reads, processes and writes items, chunk by chunk."""

    kind: ClassVar[str] = "chunk"

    def __init__(
        self,
        name: str,
        *,
        read: Any,
        write: Callable[..., Any] | FileWriter,
        process: Callable[..., Any] | None = None,
        size: SizeOf = SIZE,
        skip: Skip | None = None,
        retry: Retry | None = None,
        listeners: Sequence[Listener] = (),
        concurrency: int = 1,
        transaction_timeout_s: float | None = None,
        args: Mapping[str, Any] | None = None,
        expected: int | Callable[[Any], int | None] | None = None,
        **options: Any,
    ) -> None:
        """Args:
        read: a reader, or what can be one; see reading.py.
        write: a function of (items), (items, tx) or (items, tx, ctx); `tx` is the transaction that
            commits with the checkpoint, to be used by coroutine functions. Or a FileWriter.
        process: a function of (item) or (item, ctx); None: items are written as they are read.
        size: items of a chunk; or a function of the step's context that gives it.
        skip: errors that are passed over; None: none is.
        retry: errors that are tried again; None: none is.
        concurrency: items that are processed at once, at the most; they stay in their order.
        transaction_timeout_s: seconds that a chunk's transaction may take; the step fails then.
        args: what the reader is called with by name.
        expected: items that it will read in all, for progress; or a function of the context.
        options: start_limit, allow_start_if_complete, promote ...: as of Step.
        Raises:
            InvalidInput: names the argument.
        """
        super().__init__(name, **options)
        _check_size(size)
        _check_type(skip, Skip, "skip")
        _check_type(retry, Retry, "retry")
        _check_number(concurrency, "concurrency", MOST_AT_ONCE)
        _check_timeout(transaction_timeout_s)
        if isinstance(write, FileWriter) and write.encode is None:
            raise invalid("write", "is a FileWriter without `encode`", "say how an item is written")
        self.read = read
        self.size = size
        self.skip = skip
        self.retry = retry
        self.listeners = Listeners(listeners)
        self.concurrency = concurrency
        self.transaction_timeout_s = transaction_timeout_s
        self.args = dict(args or {})
        self.expected = expected
        self.process = None if process is None else ItemCall(process, "process", _PROCESS)
        self.write = write if isinstance(write, FileWriter) else ItemCall(write, "write", _WRITE)

    def spec(self) -> JsonObject:
        return {**super().spec(), **({"size": self.size} if isinstance(self.size, int) else {})}

    async def before_step(self, ctx: StepContext) -> None:
        await super().before_step(ctx)
        await self.listeners.call("before_step", ctx)

    async def after_step(self, ctx: StepContext, step: StepExecution) -> str | None:
        code = await super().after_step(ctx, step)
        return await self.listeners.after_step(ctx, step, code)

    async def execute(self, ctx: StepContext) -> None:
        size = self.size if isinstance(self.size, int) else self.size(ctx)
        _check_size(size)
        expected = self.expected(ctx) if callable(self.expected) else self.expected
        if expected is not None:
            await ctx.expect(expected)
        reading = await ctx.open(self.read, args=self.args)
        if isinstance(self.write, FileWriter):
            async with self.write.open(ctx) as file:
                await ChunkWork(self, ctx, reading, size=size, write=file).run()
        else:
            await ChunkWork(self, ctx, reading, size=size, write=self.write).run()


_PROCESS: Final = ("item", "ctx")
_WRITE: Final = ("items", "tx", "ctx")


def _check_size(size: object) -> None:
    if not callable(size):
        _check_number(size, "size", MOST_ITEMS)


def _check_number(number: object, field: str, most: int) -> None:
    if type(number) is not int or not 1 <= number <= most:
        raise invalid(field, f"is {number!r}, not a number from 1 to {most}")


def _check_type(value: object, kind: type, field: str) -> None:
    if value is not None and not isinstance(value, kind):
        reason = f"is {value!r}, no {kind.__name__}"
        raise invalid(field, reason, f"write {field}={kind.__name__}(...)")


def _check_timeout(seconds: float | None) -> None:
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise invalid("transaction_timeout_s", f"is {seconds!r}, no number of seconds")
    if not 0 < seconds <= MAX_SECONDS:
        raise invalid("transaction_timeout_s", f"is {seconds!r}", f"give up to {MAX_SECONDS:g}")
