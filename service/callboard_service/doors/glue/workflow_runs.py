"""The operations of Glue's workflow runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, takewhile
from types import MappingProxyType
from typing import Any, Final

from callboard.domain.json import check_json
from callboard.domain.workflow import WorkflowRun, WorkflowState
from callboard.errors import Conflict, NotFound
from callboard.store.contract import WorkflowRunFilter
from callboard_service.doors.glue.faults import (
    concurrent_runs,
    illegal_workflow_state,
    invalid_input,
)
from callboard_service.doors.glue.ids import glue_workflow_run_id, workflow_run_id_of
from callboard_service.doors.glue.operation import GlueCall, Operation
from callboard_service.doors.glue.tokens import next_token, page_size, place_of
from callboard_service.doors.glue.workflow_graph import jobs_by_node
from callboard_service.doors.glue.workflow_showing import shown_run, shown_runs
from callboard_service.doors.glue.workflows import find_workflow, workflow_not_found

MOST_JOB_RUNS: Final = 5000
"""Of the workflow runs of one page, which is the shorter for it: each of them is read."""


async def start_workflow_run(call: GlueCall) -> Mapping[str, Any]:
    name = call.request["Name"]
    properties = call.request.get("RunProperties", {})
    check_json(properties, "RunProperties")
    try:
        run = await call.board.start_workflow(
            call.group, name, properties=properties, idempotency_key=call.key
        )
    except NotFound:
        raise workflow_not_found() from None
    except Conflict as refusal:
        raise _full(refusal, name) from None
    return {"RunId": glue_workflow_run_id(run.id)}


async def get_workflow_run(call: GlueCall) -> Mapping[str, Any]:
    return {"Run": await shown_run(call, await _find(call), with_graph=_with_graph(call))}


async def get_workflow_runs(call: GlueCall) -> Mapping[str, Any]:
    place, size = place_of(call, int), page_size(call)
    workflow = await find_workflow(call, call.request["Name"])
    found = await call.board.list_workflow_runs(
        WorkflowRunFilter(group=call.group, workflow=workflow.name, before_id=place, limit=size + 1)
    )
    # Older ones are those of a workflow of that name that is gone.
    runs = list(takewhile(lambda run: run.workflow_id == workflow.id, found))
    page = _page(runs[:size])
    return {
        "Runs": await shown_runs(call, page, with_graph=_with_graph(call)),
        "NextToken": next_token(call, page[-1].id) if len(runs) > len(page) else None,
    }


def _page(runs: Sequence[WorkflowRun]) -> Sequence[WorkflowRun]:
    """As many of the first ones as one answer may tell of, and one at the least."""
    counts = accumulate(sum(map(len, run.runs.values())) for run in runs)
    return runs[: max(1, sum(1 for count in counts if count <= MOST_JOB_RUNS))]


async def get_workflow_run_properties(call: GlueCall) -> Mapping[str, Any]:
    return {"RunProperties": (await _find(call)).properties}


async def put_workflow_run_properties(call: GlueCall) -> Mapping[str, Any]:
    properties = call.request["RunProperties"]
    check_json(properties, "RunProperties")
    run = await _find(call)
    try:
        await call.board.set_workflow_properties(run.id, properties)
    except NotFound:
        raise workflow_not_found() from None
    return {}


async def stop_workflow_run(call: GlueCall) -> Mapping[str, Any]:
    run = await _find(call)
    if run.has_ended and not run.runs:
        return {}  # it had nothing to run: there is nothing that its stop would be too late for
    try:
        await call.board.stop_workflow_run(run.id)
    except NotFound:
        raise workflow_not_found() from None
    return {}


async def resume_workflow_run(call: GlueCall) -> Mapping[str, Any]:
    run = await _find(call)
    nodes = list(dict.fromkeys(call.request["NodeIds"]))
    if run.state is not WorkflowState.COMPLETED:
        status = run.state.value.upper()
        raise illegal_workflow_state(
            f"Only a workflow run that is COMPLETED can be resumed; this one is {status}."
        )
    jobs = _jobs(run, nodes)
    try:
        resumed = await call.board.resume_workflow_run(run.id, jobs)
    except NotFound:
        raise workflow_not_found() from None
    except Conflict as refusal:
        raise _full(refusal, run.workflow) from None
    return {"RunId": glue_workflow_run_id(resumed.id), "NodeIds": nodes}


async def _find(call: GlueCall) -> WorkflowRun:
    """The caller's workflow run, also where its workflow is gone.

    Raises:
        GlueFault: EntityNotFoundException.
    """
    run_id = workflow_run_id_of(call.request["RunId"])
    if run_id is None:
        raise workflow_not_found()
    try:
        run = await call.board.get_workflow_run(run_id)
    except NotFound:
        raise workflow_not_found() from None
    if (run.group, run.workflow) != (call.group, call.request["Name"]):
        raise workflow_not_found()
    return run


def _jobs(run: WorkflowRun, nodes: Sequence[str]) -> list[str]:
    """The jobs of these nodes. Raises InvalidInputException for one that has not run."""
    if not nodes:
        raise invalid_input("NodeIds cannot be empty")
    known = jobs_by_node(run.workflow_id, run.triggers)
    for node in nodes:
        if node not in known:
            raise invalid_input(f"The workflow run has no job or crawler with the node id {node}.")
        if not run.runs.get(known[node]):
            raise invalid_input(
                f"The node {node} ({known[node]}) has not run: it cannot be resumed."
            )
    return [known[node] for node in nodes]


def _full(refusal: Conflict, name: str) -> Exception:
    if refusal.code != "workflow_full":
        return refusal
    return concurrent_runs(f"Concurrent runs exceeded for workflow: {name}.")


def _with_graph(call: GlueCall) -> bool:
    return bool(call.request.get("IncludeGraph", False))


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "StartWorkflowRun": start_workflow_run,
        "GetWorkflowRun": get_workflow_run,
        "GetWorkflowRuns": get_workflow_runs,
        "GetWorkflowRunProperties": get_workflow_run_properties,
        "PutWorkflowRunProperties": put_workflow_run_properties,
        "StopWorkflowRun": stop_workflow_run,
        "ResumeWorkflowRun": resume_workflow_run,
    }
)
