"""The operations of Glue's workflows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from callboard.domain.json import check_json
from callboard.domain.workflow import Workflow
from callboard.errors import AlreadyExists, NotFound
from callboard.store.contract import TriggerFilter, WorkflowFilter, WorkflowRunFilter
from callboard_service.doors.glue.changing import undisturbed
from callboard_service.doors.glue.faults import (
    GlueFault,
    already_exists,
    invalid_input,
    not_found,
)
from callboard_service.doors.glue.many import every, one_by_one
from callboard_service.doors.glue.operation import GlueCall, Operation
from callboard_service.doors.glue.tag_checks import check_tags
from callboard_service.doors.glue.tokens import page_of, page_size, place_of
from callboard_service.doors.glue.workflow_document import (
    glue_workflow,
    new_workflow,
    updated_workflow,
)
from callboard_service.doors.glue.workflow_graph import glue_graph
from callboard_service.doors.glue.workflow_showing import shown_run

USUAL_PAGE: Final = 25


async def find_workflow(call: GlueCall, name: str) -> Workflow:
    """The caller's workflow.

    Raises:
        GlueFault: EntityNotFoundException.
    """
    try:
        return await call.board.get_workflow(call.group, name)
    except NotFound:
        raise workflow_not_found() from None


def workflow_not_found() -> GlueFault:
    """The fault for a workflow, or a run of one, that is not there."""
    return not_found("Entity not found")


async def create_workflow(call: GlueCall) -> Mapping[str, Any]:
    name = call.request["Name"]
    _check(call.request)
    check_tags(call.request.get("Tags", {}))
    try:
        await call.board.create_workflow(new_workflow(call.group, call.request))
    except AlreadyExists:
        raise already_exists(f"Workflow {name} already exists.") from None
    return {"Name": name}


async def update_workflow(call: GlueCall) -> Mapping[str, Any]:
    """What is left out of the request stays as it is."""
    name = call.request["Name"]
    _check(call.request)

    async def change() -> None:
        present = await find_workflow(call, name)
        wanted = updated_workflow(present, call.request, call.clock.now())
        try:
            await call.board.replace_workflow(wanted, expected_version=present.version)
        except NotFound:
            raise workflow_not_found() from None

    await undisturbed(change, f"Workflow {name}")
    return {"Name": name}


async def delete_workflow(call: GlueCall) -> Mapping[str, Any]:
    name = call.request["Name"]
    try:
        await call.board.delete_workflow(call.group, name)
    except NotFound:
        pass  # as it was wanted
    return {"Name": name}


async def get_workflow(call: GlueCall) -> Mapping[str, Any]:
    workflow = await find_workflow(call, call.request["Name"])
    return {"Workflow": await _shown(call, workflow)}


async def batch_get_workflows(call: GlueCall) -> Mapping[str, Any]:
    names = dict.fromkeys(call.request["Names"])
    found = await one_by_one(names, call.group, call.board.get_workflow)
    return {
        "Workflows": [await _shown(call, workflow) for workflow in found.values()],
        "MissingWorkflows": [name for name in names if name not in found],
    }


async def list_workflows(call: GlueCall) -> Mapping[str, Any]:
    place, size = place_of(call, str), page_size(call, USUAL_PAGE)
    after = None if place is None else (call.group, place)
    wanted = WorkflowFilter(group=call.group, after=after, limit=size + 1)
    found = await call.board.list_workflows(wanted)
    workflows, token = page_of(call, found, size, lambda last: last.name)
    return {"Workflows": [workflow.name for workflow in workflows], "NextToken": token}


def _check(request: Mapping[str, Any]) -> None:
    if request.get("MaxConcurrentRuns", 1) < 1:
        raise invalid_input("MaxConcurrentRuns should be greater than or equal to 1 if present.")
    for member in ("Description", "DefaultRunProperties"):
        check_json(request.get(member), member)


async def _shown(call: GlueCall, workflow: Workflow) -> dict[str, Any]:
    with_graph = call.request.get("IncludeGraph", False)
    shown = glue_workflow(workflow)
    wanted = WorkflowRunFilter(group=call.group, workflow=workflow.name, limit=1)
    for last in await call.board.list_workflow_runs(wanted):
        if last.workflow_id == workflow.id:
            shown["LastRun"] = await shown_run(call, last, with_graph=with_graph)
    if with_graph:
        own = TriggerFilter(group=call.group, workflow=workflow.name)
        triggers = [each async for each in every(own, call.board.list_triggers)]
        shown["Graph"] = glue_graph(workflow.id, triggers, {})
    return shown


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "CreateWorkflow": create_workflow,
        "GetWorkflow": get_workflow,
        "BatchGetWorkflows": batch_get_workflows,
        "ListWorkflows": list_workflows,
        "UpdateWorkflow": update_workflow,
        "DeleteWorkflow": delete_workflow,
    }
)
