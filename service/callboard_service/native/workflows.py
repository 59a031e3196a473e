"""/v1/workflows: triggers and the jobs between them as one whole."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard.domain.workflow import Workflow
from callboard.store.contract import WorkflowFilter
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.definition import (
    check_patch,
    created_body,
    replaced_body,
    store_patched,
)
from callboard_service.native.groups import InGroup, IntoGroup, KnownName
from callboard_service.native.jobs import labels_of
from callboard_service.native.stored import find_or_none, stored_answer
from callboard_service.paging import Paged, by_name, page_by_bytes, place_of
from callboard_service.portions import in_order_of_names, of_workflows
from callboard_service.preconditions import check_absent, expected_version
from callboard_service.wire.shapes import JsonMap, Page
from callboard_service.wire.workflows import (
    WorkflowInput,
    WorkflowResource,
    patched_workflow,
    read_workflow,
    workflow_resource,
)


class WorkflowsQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which workflows to list."""

    group: KnownName | None = None
    label: Annotated[
        list[str], msgspec.Meta(description="`key:value`; may come more than once")
    ] = msgspec.field(default_factory=list)


async def create_workflow(call: Call[IntoGroup]) -> web.Response:
    workflow = read_workflow(created_body(call.body(), call.query.group))
    return _answer(call, await call.board.create_workflow(workflow), created=True)


async def list_workflows(call: Call[WorkflowsQuery]) -> web.Response:
    query = call.query
    place = place_of("workflows", query)
    wanted = WorkflowFilter(
        group=query.group,
        labels=labels_of(query.label),
        after=(place[0], place[1]) if place else None,
    )
    read = in_order_of_names(call.board.list_workflows, wanted)
    return json_answer(
        await page_by_bytes(
            "workflows",
            query,
            read,
            contents=of_workflows,
            shown_as=workflow_resource,
            place=by_name,
        )
    )


async def get_workflow(call: Call[InGroup]) -> web.Response:
    return _answer(call, await call.board.get_workflow(call.query.group, call.name))


async def put_workflow(call: Call[InGroup]) -> web.Response:
    present = await _find(call)
    check_absent(call.request, present)
    expected = expected_version(call.request, "workflow", present)
    body = replaced_body(call.body(), present, call.name, call.query.group)
    workflow = read_workflow(body, is_new=present is None)
    stored, created = await call.board.replace_workflow(workflow, expected_version=expected)
    return _answer(call, stored, created=created)


async def patch_workflow(call: Call[InGroup]) -> web.Response:
    patch = call.body()
    check_patch(patch, call.name, call.query.group)

    async def get() -> Workflow:
        return await call.board.get_workflow(call.query.group, call.name)

    async def store(present: Workflow) -> tuple[Workflow, bool]:
        workflow = read_workflow(patched_workflow(present, patch), is_new=False)
        return await call.board.replace_workflow(workflow, expected_version=present.version)

    return _answer(call, await store_patched(call.request, "workflow", get, store))


async def delete_workflow(call: Call[InGroup]) -> web.Response:
    expected = expected_version(call.request, "workflow", await _find(call))
    await call.board.delete_workflow(call.query.group, call.name, expected_version=expected)
    return web.Response(status=204)


async def _find(call: Call[InGroup]) -> Workflow | None:
    return await find_or_none(call.board.get_workflow(call.query.group, call.name))


def _answer(
    call: Call[InGroup] | Call[IntoGroup], workflow: Workflow, *, created: bool = False
) -> web.Response:
    resource = workflow_resource(workflow)
    return stored_answer(call, "get_workflow", workflow, resource, created=created)


_ONE: Final = "/v1/workflows/{name}"

ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/workflows",
        name="create_workflow",
        summary="Create a workflow; triggers join it by naming it",
        handle=create_workflow,
        query=IntoGroup,
        body=WorkflowInput,
        answers={201: WorkflowResource},
        problems=("already_exists", "invalid_input"),
    ),
    Route(
        method="GET",
        path="/v1/workflows",
        name="list_workflows",
        summary="List workflows by group and name",
        handle=list_workflows,
        query=WorkflowsQuery,
        answers={200: Page[WorkflowResource]},
        problems=("invalid_cursor",),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_workflow",
        summary="Get a workflow",
        handle=get_workflow,
        query=InGroup,
        answers={200: WorkflowResource},
        problems=("not_found",),
    ),
    Route(
        method="PUT",
        path=_ONE,
        name="put_workflow",
        summary="Create or replace a workflow; its triggers stay, live runs go on",
        handle=put_workflow,
        query=InGroup,
        body=WorkflowInput,
        answers={200: WorkflowResource, 201: WorkflowResource},
        problems=("not_found", "stale_version", "invalid_input"),
    ),
    Route(
        method="PATCH",
        path=_ONE,
        name="patch_workflow",
        summary="Change some fields of a workflow (JSON merge patch)",
        handle=patch_workflow,
        query=InGroup,
        body=JsonMap,
        answers={200: WorkflowResource},
        problems=("not_found", "stale_version", "invalid_input"),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        name="delete_workflow",
        summary="Delete a workflow with its triggers; its jobs and its history stay",
        handle=delete_workflow,
        query=InGroup,
        answers={204: None},
        problems=("not_found", "stale_version"),
    ),
)
