"""Checkpoints: how far one execution of a step is, and how that is committed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final

from callboard.batch.mirror import Mirror
from callboard.batch.outages import Patience
from callboard.batch.state import Masked, State, check_bytes, check_secrets
from callboard.batch.tally import Tally
from callboard.clock import Clock
from callboard.domain.batch_step import Checkpoint, SkippedItem, StepCounts, StepExecution
from callboard.domain.json import Json, JsonObject, check_json
from callboard.domain.states import RunState
from callboard.errors import StoreUnavailable, UsageError
from callboard.store.contract_chunks import ChunkLine, ChunkTransaction, StepNotHeld

_PLAIN: Final = frozenset({int, type(None)})

logger = logging.getLogger(__name__)


class Checkpoints:
    """Owned by one execution of a step, on the node that executes it."""

    def __init__(
        self,
        line: ChunkLine,
        execution: StepExecution,
        *,
        epoch: int,
        patience: Patience,
        on_stopping: Callable[[], object],
        on_commit: Callable[[StepCounts], object],
        mirror: Mirror | None = None,
        masked: Masked | None = None,
    ) -> None:
        """Args:
        patience: how long an outage is waited for.
        on_stopping: called when a commit's answer says that the run was asked to stop.
        on_commit: called with what a transaction counted once it has committed.
        mirror: of a line that is not on the board's database.
        masked: None: the run has no secrets.
        """
        self.execution = execution
        self.line = line
        self.state = State(name="state", masked=masked)
        self.tally = Tally()
        self.cursors: dict[str, Json] = {}
        """By reader's name, as committed."""
        self.is_lost = False
        """Whether the execution is somebody else's now, or nobody's: nothing more is stored."""
        self._epoch = epoch
        self._patience = patience
        self._on_stopping = on_stopping
        self._on_commit = on_commit
        self._mirror = mirror
        self._masked = masked
        self._is_open = False
        self._opened: AbstractAsyncContextManager[ChunkTransaction] | None = None
        self._in_doubt: Checkpoint | None = None
        """Of a commit that was cancelled."""
        self.committed_context: JsonObject = {}
        """The state as the last transaction stored it."""
        self._before = self.state
        """The state as it was when the open transaction began."""

    async def open(self, known: Mapping[int, StepCounts]) -> None:
        """Learn what the step goes on from. What the board has missed of the execution before,
        which died between two commits, this one counts.

        Args:
            known: what the board knows that earlier executions have counted, by their ids.
        """
        found = await self._patience.ask(lambda: self.line.open_step(self.execution, known))
        self.tally.add(found.counts)
        self.state.replace(found.context)
        self.committed_context = found.context
        if isinstance(found.cursor, Mapping):
            self.cursors = dict(found.cursor)

    @property
    def clock(self) -> Clock:
        return self._patience.clock

    def checkpoint(self, context: JsonObject) -> Checkpoint:
        """As it is now, with that context."""
        return Checkpoint(
            cursor=dict(self.cursors) or None, context=context, counts=self.tally.counts()
        )

    def check_held(self) -> None:
        """Raises StepNotHeld once it has been said."""
        if self.is_lost:
            raise StepNotHeld(self.execution.id)

    async def begin(self) -> tuple[AbstractAsyncContextManager[ChunkTransaction], ChunkTransaction]:
        """An open transaction; a database that is away is waited for."""
        self.check_held()
        if self._is_open:
            raise UsageError("a transaction of this step is open: one at a time")
        if self._in_doubt is not None:
            raise UsageError(
                "a commit of this step was cancelled, and may have come through all the same: let "
                "the cancellation out, and limit a transaction by its own `timeout_s`"
            )
        self._is_open = True
        try:
            begun = await self._patience.ask(self._begin_once)
        except BaseException:
            self._is_open = False
            raise
        self._before, self._opened = self.state.copy(), begun[0]
        return begun

    @property
    def is_open(self) -> bool:
        """Whether a transaction is."""
        return self._is_open

    async def leave(self) -> None:
        """Roll back what the code of the step has left open, so that nobody waits for it."""
        opened, self._opened = self._opened, None
        if self._is_open and opened is not None:
            await self.roll_back(opened, UsageError("the step has ended"))

    async def roll_back(
        self, opened: AbstractAsyncContextManager[ChunkTransaction], error: BaseException
    ) -> None:
        """Undo it, and what was put into the state meanwhile; the caller raises the error."""
        self._note_rollback()
        try:
            await opened.__aexit__(type(error), error, error.__traceback__)
        except BaseException as second:
            if not isinstance(second, Exception) and second is not error:
                raise
            if second is not error:
                logger.info("a chunk's rollback was not confirmed: %s", second)

    async def commit(
        self,
        opened: AbstractAsyncContextManager[ChunkTransaction],
        transaction: ChunkTransaction,
        cursors: Mapping[str, Json],
        added: StepCounts,
        skipped: Sequence[SkippedItem],
    ) -> None:
        """Store the checkpoint and commit.

        Raises:
            InvalidInput: the checkpoint is no JSON, or too large; it is rolled back.
            StepNotHeld: somebody else has the step; it is rolled back.
            StoreUnavailable: the database was lost, and it is certain that it is rolled back.
        """
        try:
            checkpoint = self._next(cursors, added)
            skipped = [self._without_secrets(item) for item in skipped]
            state = await transaction.save(checkpoint, skipped)
        except BaseException as error:
            self.is_lost = self.is_lost or isinstance(error, StepNotHeld)
            await self.roll_back(opened, error)
            raise
        await self._finish(opened, checkpoint)
        self._is_open = False
        self.cursors.update(cursors)
        self.tally.committed = checkpoint.counts
        self.committed_context = checkpoint.context
        self._on_commit(added)
        if self._mirror is not None:
            state = await self._told(self._mirror.repeat(checkpoint, skipped))
        if state is RunState.STOPPING:
            self._on_stopping()

    async def catch_up(self) -> None:
        """Learn what became of a commit that was cancelled, and have the board know all that has
        committed elsewhere, before the step ends."""
        if (doubtful := self._in_doubt) is not None and await self._has_landed(doubtful):
            self.tally.rollbacks -= 1
            self.tally.committed = doubtful.counts
            self.committed_context = doubtful.context
        if self._mirror is not None:
            await self._told(self._patience.ask(self._mirror.catch_up))

    async def _told(self, telling: Awaitable[RunState]) -> RunState:
        try:
            return await telling
        except StepNotHeld:
            self.is_lost = True
            raise

    async def _begin_once(
        self,
    ) -> tuple[AbstractAsyncContextManager[ChunkTransaction], ChunkTransaction]:
        opened = self.line.begin(self.execution, epoch=self._epoch)
        return opened, await opened.__aenter__()

    async def _finish(
        self, opened: AbstractAsyncContextManager[ChunkTransaction], checkpoint: Checkpoint
    ) -> None:
        try:
            await opened.__aexit__(None, None, None)
        except StoreUnavailable as error:
            if not await self._has_landed(checkpoint):
                self._note_rollback()
                raise
            logger.info("a chunk whose commit was not answered is in: %s", error)
        except BaseException as error:
            self.is_lost = self.is_lost or isinstance(error, StepNotHeld)
            self._in_doubt = None if isinstance(error, Exception) else checkpoint
            self._note_rollback()
            raise

    def _without_secrets(self, item: SkippedItem) -> SkippedItem:
        if self._masked is None:
            return item
        text, message = self._masked(item.item), self._masked(item.error_message)
        return replace(item, item=text, error_message=message)

    def _note_rollback(self) -> None:
        self._is_open = False
        self.state.replace(self._before)
        self.tally.rollbacks += 1

    async def _has_landed(self, checkpoint: Checkpoint) -> bool:
        """Whether a commit that was sent came through: the stored checkpoint tells."""
        found = await self._patience.ask(lambda: self.line.find(self.execution))
        if found is None:
            self.is_lost = True
            self._note_rollback()
            raise StepNotHeld(self.execution.id)
        return found.counts.commits == checkpoint.counts.commits

    def _next(self, cursors: Mapping[str, Json], added: StepCounts) -> Checkpoint:
        for name, cursor in cursors.items():
            if type(cursor) not in _PLAIN:
                check_json(cursor, f"cursor of {name}")
                check_bytes(cursor, f"cursor of {name}")
                check_secrets(cursor, f"cursor of {name}", self._masked)
        return Checkpoint(
            cursor={**self.cursors, **cursors} or None,
            context=self.state.snapshot(),
            counts=self.tally.with_chunk(added, commits=1),
        )
