"""The operations of Glue's workflows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from callboard.domain.json import check_json
from callboard.domain.names import wide_name_problem
from callboard.domain.trigger import Trigger
from callboard.domain.workflow import Workflow
from callboard.errors import AlreadyExists, NotFound, StaleVersion
from callboard.store.contract import TriggerFilter, WorkflowFilter, WorkflowRunFilter
from callboard_service.doors.glue.faults import (
    GlueFault,
    already_exists,
    concurrent_modification,
    invalid_input,
    not_found,
)
from callboard_service.doors.glue.job_checks import check_tags
from callboard_service.doors.glue.operation import GlueCall, Operation
from callboard_service.doors.glue.tokens import next_token, page_size, place_of
from callboard_service.doors.glue.workflow_document import (
    glue_workflow,
    new_workflow,
    updated_workflow,
)
from callboard_service.doors.glue.workflow_graph import glue_graph
from callboard_service.doors.glue.workflow_showing import shown_run

TRIES: Final = 10
"""Of a change that others get in the way of."""
USUAL_PAGE: Final = 25
_PAGE: Final = 1000


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
    for _ in range(TRIES):
        present = await find_workflow(call, name)
        wanted = updated_workflow(present, call.request, call.clock.now())
        try:
            await call.board.replace_workflow(wanted, expected_version=present.version)
        except StaleVersion:
            continue
        except NotFound:
            raise workflow_not_found() from None
        return {"Name": name}
    raise concurrent_modification(f"Workflow {name} is being changed by others all the time.")


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
    shown: list[dict[str, Any]] = []
    missing: list[str] = []
    for name in dict.fromkeys(call.request["Names"]):
        try:
            shown.append(await _shown(call, await call.board.get_workflow(call.group, name)))
        except NotFound:
            missing.append(name)
    return {"Workflows": shown, "MissingWorkflows": missing}


async def list_workflows(call: GlueCall) -> Mapping[str, Any]:
    place, size = _place(call), page_size(call, USUAL_PAGE)
    after = None if place is None else (call.group, place)
    wanted = WorkflowFilter(group=call.group, after=after, limit=size + 1)
    names = [workflow.name for workflow in await call.board.list_workflows(wanted)]
    token = next_token(call, names[size - 1]) if len(names) > size else None
    return {"Workflows": names[:size], "NextToken": token}


def _place(call: GlueCall) -> str | None:
    """The name that the page begins behind; a token can be made up by anybody."""
    place: str | None = place_of(call, str)
    if place is not None and wide_name_problem(place, "NextToken") is not None:
        raise invalid_input("NextToken is not a token that this operation has given")
    return place


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
        shown["Graph"] = glue_graph(workflow.id, await _triggers(call, workflow), {})
    return shown


async def _triggers(call: GlueCall, workflow: Workflow) -> list[Trigger]:
    """Those of the workflow, by name."""
    found: list[Trigger] = []
    page: TriggerFilter | None = TriggerFilter(
        group=call.group, workflow=workflow.name, limit=_PAGE
    )
    while page is not None:
        triggers = await call.board.list_triggers(page)
        found += triggers
        is_last = len(triggers) < _PAGE
        page = None if is_last else replace(page, after=(call.group, triggers[-1].name))
    return found


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
