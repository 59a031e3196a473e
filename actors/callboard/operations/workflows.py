"""What can be asked about workflows and their runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from callboard import commands as c
from callboard.domain.workflow import Workflow, WorkflowRun, text_map_problems
from callboard.errors import InvalidInput
from callboard.operations.asking import Asking, found
from callboard.store.contract import WorkflowFilter, WorkflowRunFilter


class WorkflowOperations(Asking):
    """Workflows by group and name, workflow runs by number."""

    async def create_workflow(self, workflow: Workflow) -> Workflow:
        """Raises AlreadyExists. Its triggers name it when they are created."""
        return await self._ask(c.CreateWorkflow(workflow=workflow))

    async def replace_workflow(
        self, workflow: Workflow, *, expected_version: int | None = None
    ) -> tuple[Workflow, bool]:
        """Create, or replace by group and name; whether it was created.

        Its triggers stay, and so do its runs. Raises StaleVersion.
        """
        return await self._ask(
            c.ReplaceWorkflow(workflow=workflow, expected_version=expected_version)
        )

    async def delete_workflow(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> None:
        """Its triggers go with it; its jobs and its runs stay, and live ones go on.

        Raises NotFound, StaleVersion.
        """
        await self._ask(c.DeleteWorkflow(group=group, name=name, expected_version=expected_version))

    async def get_workflow(self, group: str, name: str) -> Workflow:
        """Raises NotFound."""
        return found(await self._ask(c.GetWorkflow(group=group, name=name)), "workflow", name)

    async def list_workflows(self, filter: WorkflowFilter) -> list[Workflow]:
        """One page, by group and name."""
        return await self._ask(c.ListWorkflows(filter=filter))

    async def start_workflow(
        self,
        group: str,
        name: str,
        *,
        properties: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> WorkflowRun:
        """Begin a run of it with the actions of its start trigger.

        `properties` are laid over those of the workflow. A workflow that starts nothing is
        completed at once. An idempotency_key that was used before is answered with the run of that
        time. Raises NotFound, Conflict workflow_full.
        """
        command = c.StartWorkflow(
            group=group,
            name=name,
            properties=_texts(properties),
            idempotency_key=idempotency_key,
        )
        return await self._ask(command)

    async def stop_workflow_run(self, run_id: int) -> WorkflowRun:
        """Stop its live runs and start nothing more; it has ended when they have.

        Raises NotFound, Conflict workflow_not_running.
        """
        return await self._ask(c.StopWorkflowRun(run_id=run_id))

    async def resume_workflow_run(self, run_id: int, jobs: Sequence[str]) -> WorkflowRun:
        """A new workflow run in which these jobs run again, and everything downstream of them.

        The rest counts as it ended. It works on the snapshot of the run that it resumes. Raises
        NotFound; Conflict workflow_live, workflow_full; InvalidInput at jobs[i], for one that has
        no run in it.
        """
        return await self._ask(c.ResumeWorkflowRun(run_id=run_id, jobs=tuple(jobs)))

    async def set_workflow_properties(
        self, run_id: int, properties: Mapping[str, str]
    ) -> WorkflowRun:
        """Lay these over its properties. Raises NotFound, InvalidInput."""
        given = _texts(properties)
        return await self._ask(c.SetWorkflowProperties(run_id=run_id, properties=given))

    async def get_workflow_run(self, run_id: int) -> WorkflowRun:
        """Raises NotFound."""
        return found(await self._ask(c.GetWorkflowRun(run_id=run_id)), "workflow run", run_id)

    async def list_workflow_runs(self, filter: WorkflowRunFilter) -> list[WorkflowRun]:
        """One page, newest first."""
        return await self._ask(c.ListWorkflowRuns(filter=filter))


def _texts(properties: Mapping[str, str] | None) -> dict[str, str]:
    given = {} if properties is None else properties
    problems = tuple(text_map_problems(given, "properties"))
    if problems:
        raise InvalidInput(*problems)
    return dict(given)
