"""Changes of workflows and of their runs, and what is read of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from callboard.domain.workflow import Workflow, WorkflowRun
from callboard.runtime import Command
from callboard.store.contract import WorkflowFilter, WorkflowRunFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWorkflow(Command[Workflow]):
    """Store a new workflow. Refused: AlreadyExists."""

    workflow: Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceWorkflow(Command[tuple[Workflow, bool]]):
    """Create the workflow, or replace the one of its name; whether it was created.

    Its runs go on as they began. An equal definition changes nothing. Refused: StaleVersion.
    """

    workflow: Workflow
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWorkflow(Command[None]):
    """Delete it with its triggers; its live runs go on. Refused: NotFound, StaleVersion."""

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartWorkflow(Command[WorkflowRun]):
    """Begin a run of it; the same `idempotency_key` again answers that run.

    Refused: NotFound, Conflict workflow_full.
    """

    group: str
    name: str
    properties: Mapping[str, str] = field(default_factory=dict)
    """Laid over those of the workflow."""
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWorkflowRun(Command[WorkflowRun]):
    """Stop what is live of it, and start nothing more.

    One that is being stopped stays so. Refused: NotFound, Conflict workflow_not_running.
    """

    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeWorkflowRun(Command[WorkflowRun]):
    """Begin a new workflow run in which these jobs run again, and all that is downstream of them.

    Refused: NotFound; Conflict workflow_live, workflow_full; InvalidInput at jobs.
    """

    run_id: int
    jobs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWorkflowProperties(Command[WorkflowRun]):
    """Lay these over the properties of the run, ended or not. Refused: NotFound, InvalidInput."""

    run_id: int
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetWorkflow(Command[Workflow | None]):
    group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWorkflows(Command[list[Workflow]]):
    filter: WorkflowFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class GetWorkflowRun(Command[WorkflowRun | None]):
    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWorkflowRuns(Command[list[WorkflowRun]]):
    filter: WorkflowRunFilter
