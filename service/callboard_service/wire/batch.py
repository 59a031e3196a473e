"""Batch instances, and what runs of them are asked, on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from callboard.domain.batch_instance import BatchInstance, BatchRun, InstanceState
from callboard.domain.batch_restart import PlannedStep, What
from callboard.domain.batch_step import EXECUTING
from callboard.domain.batch_summary import MOST_SHOWN, RunSummary
from callboard.domain.json import JsonObject
from callboard.domain.states import RunState
from callboard.errors import Conflict
from callboard_service.wire.batch_steps import (
    CountsResource,
    StepResource,
    counts_resource,
    step_resource,
)
from callboard_service.wire.fields import read_value
from callboard_service.wire.run_inputs import (
    Parameters,
    given_arguments,
)
from callboard_service.wire.runs import RunErrorResource, run_error_resource
from callboard_service.wire.shapes import JsonMap, Moment

MOST_STEPS: Final = 1000
"""Of a mapping of names."""


class NextInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is different in the next instance of a job."""

    arguments: Annotated[
        JsonMap, msgspec.Meta(description="parameters that do not identify; the others follow")
    ] = {}
    parameters: Parameters | None = None


class RestartInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How an instance goes on, where its job has changed since."""

    steps: Annotated[
        dict[str, str | None],
        msgspec.Meta(
            max_length=MOST_STEPS,
            description="by name of a step that has begun: its name now; null: it is gone for good",
            examples=[{"load": "load_orders", "check": None}],
        ),
    ] = {}


class RecoverInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why a run is declared failed that nobody works on any more."""

    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    force: Annotated[
        bool,
        msgspec.Meta(description="although its lease has not ended; its node can write no more"),
    ] = False


class InstanceResource(msgspec.Struct, kw_only=True):
    """A batch job with its identifying parameters: at most one live run, at most one success."""

    id: int
    job: str
    group: str
    key: Annotated[str, msgspec.Meta(description="SHA-256 of the identifying parameters")]
    parameters: Annotated[JsonMap, msgspec.Meta(description="those that identify")]
    state: Annotated[InstanceState, msgspec.Meta(description="how its last run is, or ended")]
    live_run_id: int | None
    last_run_id: int | None
    created_at: Moment | None
    ended_at: Annotated[Moment | None, msgspec.Meta(description="null: a run of it is live")]


class ParametersResource(msgspec.Struct, kw_only=True):
    """The parameters of a batch run."""

    run_id: int
    instance_id: int | None
    parameters: Annotated[JsonMap, msgspec.Meta(description="all of them, as they count")]
    identifying: Annotated[
        list[str] | None,
        msgspec.Meta(description="names of those that identify; null: it has no instance yet"),
    ]


class ContextResource(msgspec.Struct, kw_only=True):
    """What the steps of a batch run have told one another."""

    run_id: int
    instance_id: int | None
    context: JsonMap


class SummaryResource(msgspec.Struct, kw_only=True):
    """A batch run and all it has done."""

    run_id: int
    instance_id: int | None
    job: str
    group: str
    state: RunState
    exit_code: str
    exit_message: str | None
    attempt: int
    previous_run_id: int | None
    parameters: JsonMap
    counts: Annotated[CountsResource, msgspec.Meta(description="of all of its steps")]
    steps: Annotated[
        list[StepResource],
        msgspec.Meta(
            description=f"at most {MOST_SHOWN}, by id: of very many partitions first those that "
            "did not succeed"
        ),
    ]
    steps_total: Annotated[int, msgspec.Meta(description="how many there are")]
    error: RunErrorResource | None
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    recovered_at: Moment | None
    recovery: Annotated[str | None, msgspec.Meta(description="why it was recovered")]
    text: Annotated[str, msgspec.Meta(description="the same for people, in lines")]


class RefusalResource(msgspec.Struct, kw_only=True):
    """Why a restart would be refused."""

    code: str
    detail: str
    facts: JsonMap


class PlannedStepResource(msgspec.Struct, kw_only=True):
    """What a restart would do with one step."""

    name: str
    visit: Annotated[int, msgspec.Meta(description="how often the flow has come to it")]
    what: What
    reason: str
    cursor: Annotated[Any, msgspec.Meta(description="where its reader would go on")]
    counts: Annotated[CountsResource, msgspec.Meta(description="what was committed so far")]
    depth: Annotated[
        int, msgspec.Meta(description="1: in a flow of a split, or a partition; and so on")
    ]
    condition: Annotated[
        str | None,
        msgspec.Meta(description="what has to become of the step before it; null: nothing"),
    ]


class RestartPlanResource(msgspec.Struct, kw_only=True):
    """What a restart of a run would do, step by step."""

    run_id: int
    instance_id: int | None
    refusal: Annotated[
        RefusalResource | None, msgspec.Meta(description="null: it would be accepted")
    ]
    steps: list[PlannedStepResource]


def read_next(raw: object) -> Mapping[str, Any]:
    """The arguments of a next instance. Raises InvalidInput."""

    return read_value(raw, NextInput, given_arguments, stand_in={})


def read_restart(raw: object) -> RestartInput:
    """Raises InvalidInput."""
    return read_value(raw, RestartInput, lambda given: given, stand_in={})


def read_recover(raw: object) -> RecoverInput:
    """Raises InvalidInput."""
    return read_value(raw, RecoverInput, lambda given: given, stand_in={})


def instance_resource(instance: BatchInstance) -> InstanceResource:
    """The wire form of an instance."""
    return InstanceResource(
        id=instance.id,
        job=instance.job,
        group=instance.group,
        key=instance.key,
        parameters=dict(instance.parameters),
        state=instance.state,
        live_run_id=instance.live_run_id,
        last_run_id=instance.last_run_id or None,
        created_at=instance.created_at,
        ended_at=instance.ended_at,
    )


def parameters_resource(
    run_id: int, arguments: JsonObject, instance: BatchInstance | None
) -> ParametersResource:
    """The parameters of a run; of one that has not begun, what it was given."""
    return ParametersResource(
        run_id=run_id,
        instance_id=None if instance is None else instance.id,
        parameters=dict(arguments),
        identifying=None if instance is None else sorted(instance.parameters),
    )


def context_resource(run_id: int, batch: BatchRun | None) -> ContextResource:
    """The job's context of a run."""
    return ContextResource(
        run_id=run_id,
        instance_id=None if batch is None else batch.instance_id,
        context={} if batch is None else dict(batch.context),
    )


def summary_resource(summary: RunSummary) -> SummaryResource:
    """The wire form of a summary."""
    run, batch = summary.run, summary.batch
    return SummaryResource(
        run_id=run.id,
        instance_id=None if batch is None else batch.instance_id,
        job=run.job,
        group=run.group,
        state=run.state,
        exit_code=EXECUTING if batch is None else batch.exit_code,
        exit_message=None if batch is None else batch.exit_message,
        attempt=run.attempt,
        previous_run_id=run.previous_run_id,
        parameters=dict(run.arguments if batch is None else batch.arguments),
        counts=counts_resource(summary.counts),
        steps=[step_resource(step) for step in summary.steps],
        steps_total=summary.steps_total,
        error=run_error_resource(run),
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        recovered_at=None if batch is None else batch.recovered_at,
        recovery=None if batch is None else batch.recovery,
        text=summary.text,
    )


def planned_step_resource(step: PlannedStep) -> PlannedStepResource:
    """A line of a restart plan."""
    return msgspec.convert(step, PlannedStepResource, from_attributes=True)


def refusal_resource(refusal: Conflict) -> RefusalResource:
    """Why a restart would be refused."""
    return RefusalResource(code=refusal.code, detail=str(refusal), facts=dict(refusal.facts))
