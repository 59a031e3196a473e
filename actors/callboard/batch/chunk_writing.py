"""ChunkWriting: how what was processed commits: as a whole, or item by item when that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from callboard.batch.faults import Faults
from callboard.batch.files import OpenFile
from callboard.batch.item_call import ItemCall
from callboard.batch.listeners import Listeners
from callboard.batch.scanning import Batch
from callboard.errors import StoreUnavailable

if TYPE_CHECKING:
    from callboard.batch.context import StepContext
    from callboard.batch.reading import Reading
    from callboard.batch.transaction import StepTransaction

OUTAGES: Final = 5
"""So often in a row a chunk is written again whose connection was lost, whatever `retry` says:
chunks outlive a database that is restarted, but not a writer that takes it down."""


class ChunkWriting:
    """Of one execution of a step."""

    __slots__ = (
        "_ctx",
        "_faults",
        "_is_cut_off",
        "_listeners",
        "_reading",
        "_timeout_s",
        "_write",
    )

    def __init__(
        self,
        ctx: StepContext,
        reading: Reading,
        write: ItemCall | OpenFile,
        *,
        faults: Faults,
        listeners: Listeners,
        timeout_s: float | None,
    ) -> None:
        self._ctx = ctx
        self._reading = reading
        self._write = write
        self._faults = faults
        self._listeners = listeners
        self._timeout_s = timeout_s
        self._is_cut_off = False
        """Whether the last write failed because its connection was lost."""

    async def write(self, batch: Batch) -> None:
        """Commit it: as a whole, or in parts without those items that cannot be written.

        Raises:
            SkipLimitExceeded, or the error that is not to be skipped; what was committed before
            it stays.
        """
        error = await self._attempts(batch)
        if error is None:
            return
        if not self._faults.may_skip(error) or not batch.outputs:
            raise error
        if len(batch.outputs) > 1:
            for part in batch.parts():
                self._ctx.check_stop()
                await self.write(part)
            return
        passed = self._faults.passed("write", batch.output_item, error)
        if (second := await self._attempts(batch.passing(passed))) is not None:
            raise second

    async def _attempts(self, batch: Batch) -> Exception | None:
        """Commit it, in as many transactions as there may be attempts; the last one's error."""
        attempt, outages = 1, 0
        while True:
            self._is_cut_off = False
            error = await self._attempt(batch)
            if error is None:
                return None
            await self._listeners.call("on_write_error", self._ctx, batch.outputs, error)
            if outages < OUTAGES and (self._is_cut_off or isinstance(error, StoreUnavailable)):
                # The next transaction begins when the database answers again.
                outages += 1
                self._ctx.check_stop()
                self._ctx.count(retries=1)
            elif await self._faults.is_another("write", attempt, error):
                attempt += 1
            else:
                return error
            self._ctx.count(rollbacks=-1)  # it is counted as a retry

    async def _attempt(self, batch: Batch) -> Exception | None:
        """Commit it in one transaction. What the write, or the commit, raised is returned; what
        listeners raise, and a transaction that took too long, is none of the items' fault."""
        is_committing = False
        try:
            async with self._ctx.transaction(timeout_s=self._timeout_s) as tx:
                await self._fill(tx, batch)
                is_committing = True
        except _NotWritten as failure:
            return failure.error
        except Exception as error:
            if is_committing:
                return error
            raise
        if isinstance(self._write, OpenFile) and batch.outputs:
            self._write.confirm()
        return None

    async def _fill(self, tx: StepTransaction, batch: Batch) -> None:
        ctx, outputs = self._ctx, batch.outputs
        if outputs:
            await self._listeners.call("before_write", ctx, outputs, tx)
            try:
                await self._put([*outputs], tx)
            except Exception as error:
                self._is_cut_off = _is_cut_off(error, tx.connection)
                raise _NotWritten(error) from error
            await self._listeners.call("after_write", ctx, outputs, tx)
        tx.count(writes=len(outputs), filters=batch.filters)
        for passed in batch.passed:
            skipped = passed.skipped
            tx.count(**{f"{skipped.phase}_skips": 1})
            tx.skipped(skipped)
            await self._listeners.call("on_skip", ctx, skipped, passed.item, passed.error, tx)
        tx.keep(self._reading, batch.cursor)

    async def _put(self, items: list[object], tx: StepTransaction) -> None:
        if isinstance(self._write, OpenFile):
            self._write.keep(await self._ctx.in_thread(self._write.put, items))
        else:
            await self._write.call(self._ctx, items, tx, self._ctx)


class _NotWritten(Exception):
    """Carries what the write raised out of the transaction, and so rolls it back."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))


_SHUTDOWNS: Final = frozenset({"57P01", "57P02", "57P03"})


def _is_cut_off(error: Exception, connection: Any) -> bool:
    """Whether it says that the connection is lost, or the server going down (by its SQLSTATE)."""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str) and (state.startswith("08") or state in _SHUTDOWNS):
        return True
    is_closed = getattr(connection, "is_closed", None)
    return is_closed is not None and bool(is_closed())
