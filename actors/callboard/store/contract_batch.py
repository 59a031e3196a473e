"""Verbs of a transaction on batch instances and their steps; see contract.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from callboard.domain.batch_instance import BatchInstance, BatchRun
from callboard.domain.batch_step import Move, StepCounts, StepExecution
from callboard.domain.json import JsonObject


class BatchVerbs(Protocol):
    """A part of `contract.Transaction`. Instances are locked behind jobs, triggers and workflow
    runs, and before new runs."""

    async def insert_instance(self, instance: BatchInstance) -> tuple[BatchInstance, bool]:
        """The instance of that group, job and key, locked until the commit, and whether it was
        created just now (then as stored: with its id and created_at)."""
        ...

    async def find_instances(self, ids: Sequence[int]) -> dict[int, BatchInstance]:
        """Those that exist, as they are now; nothing is locked."""
        ...

    async def lock_instances(self, ids: Sequence[int]) -> dict[int, BatchInstance]:
        """Those that exist, locked in the order of ids against every other writer."""
        ...

    async def last_instance(self, group: str, job: str) -> BatchInstance | None:
        """The one that was created last; nothing is locked."""
        ...

    async def update_instances(self, instances: Sequence[BatchInstance]) -> None:
        """Write state, live_run_id, last_run_id and ended_at of locked ones."""
        ...

    async def delete_instance(self, instance_id: int) -> bool:
        """With its batch runs, steps, moves and skipped items; its runs stay in the history."""
        ...

    async def insert_batch_run(self, run: BatchRun) -> None: ...

    async def find_batch_runs(self, run_ids: Sequence[int]) -> dict[int, BatchRun]:
        """By run id; nothing is locked: whoever changes one has locked its instance."""
        ...

    async def update_batch_runs(self, runs: Sequence[BatchRun]) -> None:
        """Write context, exit_code, exit_message, definition, begun_at, recovered_at, recovery."""
        ...

    async def insert_step(self, step: StepExecution) -> StepExecution:
        """As stored, with the next id (given 0), which is also its first_id where that is 0, and
        started_at = now."""
        ...

    async def outline_of_instance(self, instance_id: int) -> list[StepExecution]:
        """Of each step its last execution, and all that run, partitions only among these; by id.

        However long the history is, they are few.
        """
        ...

    async def partition_counts(self, managers: Sequence[StepExecution]) -> dict[int, StepCounts]:
        """What the partitions of each have counted together, by its id; those without partitions
        are left out."""
        ...

    async def last_execution(self, instance_id: int, name: str, visit: int) -> StepExecution | None:
        """Of the step, or partition, on that visit."""
        ...

    async def count_executions(self, instance_id: int, name: str, most: int) -> int:
        """How often the step was executed, on whatever visit; `most`, where it was more often."""
        ...

    async def lock_running_steps(self, instance_ids: Sequence[int]) -> list[StepExecution]:
        """Those in state running, by id, as they are when others' chunks have committed; locked,
        so that no chunk of theirs commits any more once they are ended.

        Raises TransactionConflict when one of them is committing for seconds (its node froze).
        """
        ...

    async def committing_instances(self, instance_ids: Sequence[int]) -> set[int]:
        """Those of them a running step of which is about to commit a chunk just now, and so would
        have to be waited for; the running steps of the others are locked."""
        ...

    async def lock_step(self, step_id: int) -> StepExecution | None:
        """Locked until the commit, as it is when a chunk under way has committed."""
        ...

    async def update_steps(self, steps: Sequence[StepExecution]) -> None:
        """Write state, exit_code, exit_message, checkpoint, plan, expected and ended_at of locked
        ones."""
        ...

    async def rename_steps(self, instance_id: int, names: JsonObject) -> None:
        """Give the steps of the instance, and the nodes that its moves leave and lead to, the names
        that they are mapped to; those that are mapped to null are dropped, and the moves that lead
        to them. Partitions go with their step."""
        ...

    async def put_moves(self, instance_id: int, moves: Sequence[Move]) -> None:
        """Record them (at: now where they have none), in place of those of the same node and
        visit."""
        ...

    async def ways_of_instance(self, instance_id: int) -> list[Move]:
        """By which nodes were left, on whatever visit: each node, code and target once, in the
        order in which they were taken first; visits, runs and times are not said."""
        ...
