"""Verbs of a transaction on workflows and workflow runs; see contract.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from callboard.domain.trigger import Trigger
from callboard.domain.workflow import Workflow, WorkflowRun


class WorkflowVerbs(Protocol):
    """A part of `contract.Transaction`."""

    async def insert_workflow(self, workflow: Workflow) -> Workflow | None:
        """As insert_job."""
        ...

    async def update_workflow(self, workflow: Workflow) -> Workflow | None:
        """As update_job."""
        ...

    async def delete_workflow(self, workflow_id: int) -> bool:
        """Whether it was there. The caller has deleted its triggers; its runs stay."""
        ...

    async def lock_workflows(
        self, names: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], Workflow]:
        """The workflows by (group, name) that exist, in the order of ids, locked against every
        other lock_workflows and writer until the commit."""
        ...

    async def triggers_of_workflow(self, group: str, workflow: str) -> list[Trigger]:
        """Those that name it, by name; no others are created until the commit for whoever has
        locked it."""
        ...

    async def count_workflow_runs(self, workflow_ids: Sequence[int]) -> dict[int, int]:
        """How many live (running, stopping) runs these workflows have; those without are left
        out. No other begins until the commit for whoever has locked them."""
        ...

    async def allocate_workflow_run_ids(self, count: int) -> list[int]:
        """New ids, ascending, never handed out twice."""
        ...

    async def insert_workflow_runs(self, runs: Sequence[WorkflowRun]) -> list[WorkflowRun]:
        """Each, with an id of allocate_workflow_run_ids, as stored (created_at set)."""
        ...

    async def find_workflow_runs(self, ids: Sequence[int]) -> dict[int, WorkflowRun]:
        """Those that exist, as they are now; others may change them."""
        ...

    async def lock_workflow_runs(self, ids: Sequence[int]) -> dict[int, WorkflowRun]:
        """Those that exist, locked in the order of ids against every other writer."""
        ...

    async def update_workflow_runs(self, runs: Sequence[WorkflowRun]) -> None:
        """Write the changeable fields of locked ones.

        state, properties, fired, met, runs, live, missing, ended_at.
        """
        ...
