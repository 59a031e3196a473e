"""Where the chunks of a step commit: output, checkpoint and counters in one transaction.

Not by the job store: a chunk has a connection and a transaction of its own, on which the step's
code writes, too. One chunk line is the board's own database (`Store.chunk_line`), another one an
application's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from callboard.domain.batch_step import Checkpoint, SkippedItem, StepCounts, StepExecution
from callboard.domain.states import RunState
from callboard.errors import Conflict


class StepNotHeld(Conflict):
    """The step execution is not this node's any more: the chunk is rolled back."""

    def __init__(self, step_id: int) -> None:
        self.step_id = step_id
        message = f"step execution {step_id} is not held by this node any more: its run was lost, "
        super().__init__("step_not_held", message + "recovered or ended by somebody else")


class ChunkTransaction(Protocol):
    """One chunk, between BEGIN and COMMIT. It is rolled back when its block raises."""

    @property
    def connection(self) -> Any:
        """The asyncpg connection in the transaction; None: the store has no SQL (memory)."""
        ...

    async def save(self, checkpoint: Checkpoint, skipped: Sequence[SkippedItem] = ()) -> RunState:
        """Store the checkpoint, to be committed with everything else; the last thing done.

        Answers with the state of the run: running, or stopping when it was asked to stop.

        Raises:
            StepNotHeld
        """
        ...


class ChunkLine(Protocol):
    """Made once for a node; each verb may raise StoreUnavailable, what the step's own statements
    raise is asyncpg's."""

    async def open_step(
        self, step: StepExecution, known: Mapping[int, StepCounts] | None = None
    ) -> Checkpoint:
        """What the step goes on from, with the counts of this execution; from now on nobody with
        an older execution can commit.

        On the board's own database it is what the step's row says. Elsewhere it is what that
        database says of the executions from `step.first_id` on; safe to ask again. What the one
        before has committed there, and the board has not heard of, this one counts.

        Args:
            known: what the board knows that earlier executions have counted, by their ids.
        Raises:
            StepNotHeld
        """
        ...

    def begin(
        self, step: StepExecution, *, epoch: int
    ) -> AbstractAsyncContextManager[ChunkTransaction]:
        """A transaction on a connection of its own; opened late, kept short.

        Where the answer to the commit is lost, StoreUnavailable is raised, and `find` tells what
        became of it. The step's statements may take as long as they like; a minute without one, and
        the database ends the transaction. On a line that is not the board's, a chunk without
        statements on the board's own line tells the board how far the step is, and answers with
        the run's state.
        """
        ...

    async def find(self, step: StepExecution) -> Checkpoint | None:
        """The checkpoint as it is committed; None: the execution is not held any more.

        Where a commit is in doubt, it is waited for: StoreUnavailable after a while, to be asked
        again.
        """
        ...

    def reading(self, run_id: int = 0) -> AbstractAsyncContextManager[Any]:
        """An asyncpg connection for reads, outside of chunks, which it takes nothing from, for as
        long as it takes; of memory: UsageError.

        Args:
            run_id: who reads: a session goes to another run only when it was reset.
        """
        ...

    def rest(self, run_id: int) -> None:
        """A step of the run has ended: connections that were kept for it may go to others."""
        ...

    async def close(self) -> None: ...
