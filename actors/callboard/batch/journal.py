"""Journal: what the engine has stored of a run, beside its chunks.

The board implements it by asking its job store, so each call is one commit, fenced by the run's
epoch. Refusals that end the run come as `callboard.errors.Conflict`, with the code that becomes
the type of the run's error.
"""

from __future__ import annotations

from typing import Protocol

from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_step import Move, StepCounts, StepExecution, StepState
from callboard.domain.json import JsonObject
from callboard.domain.run import Run


class Journal(Protocol):
    """Every call raises StepNotHeld or Conflict run_not_held when the run is not this node's any
    more, StoreUnavailable when nobody can say."""

    async def begin_run(self, run: Run, definition: JsonObject) -> BatchHistory:
        """What the run's instance has done: of its runs this one, its steps without partitions, its
        moves. Steps that an earlier holder left running have failed now, with exit code LOST. A
        run that was started without an instance (by a trigger, a workflow) gets one.

        Args:
            definition: steps and flow as the node's code has them, `domain.batch_definition`.
        Raises:
            InvalidInput: its arguments are no parameters of the job.
            Conflict: instance_already_exists, run_already_running, instance_already_complete,
                definition_changed.
        """
        ...

    async def begin_step(
        self,
        run: Run,
        name: str,
        visit: int,
        *,
        start_limit: int | None = None,
        manager_id: int | None = None,
        is_again: bool = False,
    ) -> StepExecution:
        """A new execution. It has the checkpoint and the plan of the last one of the same name and
        visit where that failed or was stopped; counters begin at 0.

        Args:
            is_again: one that succeeded is executed again, with nothing of what it knew.
        Raises:
            Conflict: start_limit_exceeded; nothing is stored.
        """
        ...

    async def partitions(self, step: StepExecution) -> list[PartitionRecord]:
        """What has become of the partitions of a partitioned step on its visit, of whatever plan,
        in no order."""
        ...

    async def counts_before(self, step: StepExecution) -> dict[int, StepCounts]:
        """What the executions whose work it goes on with have counted, as far as the board knows,
        by their ids."""
        ...

    async def keep_plan(self, step: StepExecution, plan: tuple[JsonObject, ...]) -> None:
        """Store the plan of a partitioned step, before any partition of it begins."""
        ...

    async def keep_expected(self, step: StepExecution, expected: int) -> None:
        """Store how many items the step has in all."""
        ...

    async def end_step(
        self,
        run: Run,
        step: StepExecution,
        state: StepState,
        exit_code: str,
        *,
        exit_message: str | None = None,
        context: JsonObject,
        counts: StepCounts,
        job_context: JsonObject,
        moves: tuple[Move, ...] = (),
    ) -> None:
        """Its end, the job's context and how the flow goes on, in one commit.

        Args:
            counts: reads, rollbacks and retries among them that no chunk has stored.
        """
        ...

    async def record_moves(self, run: Run, moves: tuple[Move, ...]) -> None:
        """Of deciders and splits, before they are acted upon."""
        ...

    async def start_child(
        self,
        run: Run,
        step: StepExecution,
        job: str,
        arguments: JsonObject,
        *,
        known: int | None = None,
    ) -> int:
        """Id of the run of another batch job of the group; for a day the same again for the same
        step of the instance. One that has failed or was stopped is restarted, one that succeeded
        is answered as it is.

        Args:
            known: what an earlier call gave: its instance is gone on with, unless that is gone.
        Raises:
            Conflict, InvalidInput, NotFound: as of any start.
        """
        ...

    async def wait_child(self, run_id: int) -> Run:
        """The run when it has ended, or is parked."""
        ...

    async def stop_child(self, run_id: int) -> None:
        """Ask it to stop, unless it has ended."""
        ...
