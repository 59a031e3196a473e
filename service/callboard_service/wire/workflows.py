"""Workflows and their runs on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import msgspec

from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.schedule import schedule_to_json
from callboard.domain.trigger import Trigger, TriggerState
from callboard.domain.workflow import (
    MAX_DESCRIPTION,
    MAX_RUNS,
    Workflow,
    WorkflowRun,
    WorkflowState,
)
from callboard.domain.workflow_resume import MOST_JOBS
from callboard_service.wire.fields import read_value
from callboard_service.wire.jobs import Annotations, Labels
from callboard_service.wire.patch import merge_patch
from callboard_service.wire.shapes import JsonMap, KnownName, Moment, Name, check_new_names
from callboard_service.wire.triggers import ActionDocument, action_document

_STAND_IN: Final = {"name": "x"}
Texts: TypeAlias = dict[str, str]


class WorkflowInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The definition of a workflow: triggers of its group are part of it by naming it."""

    name: Name
    group: Name | None = None
    description: Annotated[str, msgspec.Meta(max_length=MAX_DESCRIPTION)] = ""
    properties: Annotated[
        Texts, msgspec.Meta(description="what each run of it begins with; texts by name")
    ] = {}
    max_concurrent_runs: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=MAX_RUNS)] | None,
        msgspec.Meta(description="runs of it that may be live at once; null: any number"),
    ] = None
    run_arguments: Annotated[
        Texts,
        msgspec.Meta(
            description="arguments that each job run in it gets, if its job takes them; "
            "{workflow}, {run_id} and {run_id_hex64} in the values are replaced",
            examples=[{"workflow_run": "{run_id}"}],
        ),
    ] = {}
    labels: Labels = {}
    annotations: Annotations = {}


class WorkflowResource(msgspec.Struct, kw_only=True):
    """A stored workflow."""

    name: str
    group: str
    description: str
    properties: Texts
    max_concurrent_runs: int | None
    run_arguments: Texts
    labels: Labels
    annotations: Annotations
    version: Annotated[int, msgspec.Meta(description="counts the changes of the definition")]
    created_at: Moment | None
    updated_at: Moment | None


class StartWorkflowInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a run of a workflow is to begin."""

    properties: Annotated[Texts, msgspec.Meta(description="laid over those of the workflow")] = {}


class ResumeWorkflowInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which part of a workflow run is to run again."""

    jobs: Annotated[
        list[KnownName],
        msgspec.Meta(
            min_length=1,
            max_length=MOST_JOBS,
            description="they run again, and all that is downstream",
        ),
    ]


class PropertiesInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Properties of a workflow run."""

    properties: Annotated[Texts, msgspec.Meta(description="laid over the present ones")]


class WorkflowRunResource(msgspec.Struct, kw_only=True):
    """A run of a workflow."""

    id: int
    workflow: str
    group: str
    state: WorkflowState
    trigger: Annotated[str | None, msgspec.Meta(description="the start trigger; null: none")]
    previous_run_id: Annotated[
        int | None, msgspec.Meta(description="the workflow run that it resumes")
    ]
    properties: Texts
    runs: Annotated[
        dict[str, list[int]], msgspec.Meta(description="by job: its runs, all attempts")
    ]
    live: Annotated[list[int], msgspec.Meta(description="those of them that have not ended")]
    fired: Annotated[
        dict[str, list[int]],
        msgspec.Meta(description="by trigger that has fired: the runs that it started"),
    ]
    missing: Annotated[
        list[str],
        msgspec.Meta(description="jobs that could not be started: not there, or disabled"),
    ]
    event: Annotated[
        JsonMap | None, msgspec.Meta(description="of the batch of events that began it")
    ]
    created_at: Moment | None
    ended_at: Moment | None


class SnapshotTrigger(msgspec.Struct, kw_only=True):
    """A trigger as it was when the workflow run began."""

    name: str
    schedule: JsonMap
    actions: list[ActionDocument]
    state: TriggerState
    met: Annotated[
        dict[str, int],
        msgspec.Meta(description="by job whose condition is met: the run that met it"),
    ]


class WorkflowRunStatus(WorkflowRunResource, kw_only=True):
    """A run of a workflow, with the triggers that it works on."""

    triggers: list[SnapshotTrigger]


def read_workflow(raw: object, *, is_new: bool = True) -> Workflow:
    """The workflow that a request describes.

    Raises:
        InvalidInput
    """

    def build(given: WorkflowInput) -> Workflow:
        if is_new:
            check_new_names(name=given.name, group=given.group)
        return _workflow_of(given)

    return read_value(raw, WorkflowInput, build, stand_in=_STAND_IN)


def patched_workflow(workflow: Workflow, patch: dict[str, Any]) -> object:
    """The request that `workflow` would be after a merge patch."""
    document = msgspec.to_builtins(workflow_resource(workflow), enc_hook=dict)
    written = {name: document[name] for name in WorkflowInput.__struct_fields__}
    return merge_patch(written, patch)


def read_start(raw: object) -> StartWorkflowInput:
    """Raises InvalidInput."""
    return read_value(raw, StartWorkflowInput, lambda given: given, stand_in={})


def read_resume(raw: object) -> ResumeWorkflowInput:
    """Raises InvalidInput."""
    return read_value(raw, ResumeWorkflowInput, lambda given: given, stand_in={"jobs": ["x"]})


def read_properties(raw: object) -> PropertiesInput:
    """Raises InvalidInput."""
    return read_value(raw, PropertiesInput, lambda given: given, stand_in={"properties": {}})


def workflow_resource(workflow: Workflow) -> WorkflowResource:
    """The wire form of a stored workflow."""
    return WorkflowResource(
        name=workflow.name,
        group=workflow.group,
        description=workflow.description,
        properties=dict(workflow.properties),
        max_concurrent_runs=workflow.max_concurrent_runs,
        run_arguments=dict(workflow.run_arguments),
        labels=dict(workflow.labels),
        annotations=dict(workflow.annotations),
        version=workflow.version,
        created_at=workflow.created_at,
        updated_at=workflow.updated_at,
    )


def workflow_run_resource(run: WorkflowRun) -> WorkflowRunResource:
    """The wire form of a workflow run."""
    return WorkflowRunResource(**_fields(run))


def workflow_run_status(run: WorkflowRun) -> WorkflowRunStatus:
    """The same with its triggers."""
    triggers = [_snapshot(trigger, run) for trigger in run.triggers]
    return WorkflowRunStatus(**_fields(run), triggers=triggers)


def _snapshot(trigger: Trigger, run: WorkflowRun) -> SnapshotTrigger:
    return SnapshotTrigger(
        name=trigger.name,
        schedule=schedule_to_json(trigger.schedule),
        actions=[action_document(action) for action in trigger.actions],
        state=trigger.state,
        met=dict(run.met.get(trigger.name, {})),
    )


def _fields(run: WorkflowRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "workflow": run.workflow,
        "group": run.group,
        "state": run.state,
        "trigger": run.trigger,
        "previous_run_id": run.previous_run_id,
        "properties": dict(run.properties),
        "runs": {job: list(ids) for job, ids in run.runs.items()},
        "live": list(run.live),
        "fired": {name: list(ids) for name, ids in run.fired.items()},
        "missing": list(run.missing),
        "event": None if run.event is None else dict(run.event),
        "created_at": run.created_at,
        "ended_at": run.ended_at,
    }


def _workflow_of(given: WorkflowInput) -> Workflow:
    return Workflow(
        name=given.name,
        group=given.group if given.group is not None else DEFAULT_GROUP,
        description=given.description,
        properties=given.properties,
        max_concurrent_runs=given.max_concurrent_runs,
        run_arguments=given.run_arguments,
        labels=given.labels,
        annotations=given.annotations,
    )
