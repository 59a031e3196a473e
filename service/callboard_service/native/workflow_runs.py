"""/v1/workflow-runs: what became of workflows that were started."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.workflow import WorkflowRun
from callboard.store.contract import WorkflowRunFilter
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.groups import InGroup, KnownName
from callboard_service.paging import Paged, by_id, page_by_bytes, place_of
from callboard_service.portions import newest_first, of_workflow_runs
from callboard_service.wire.shapes import Page
from callboard_service.wire.workflows import (
    PropertiesInput,
    ResumeWorkflowInput,
    StartWorkflowInput,
    WorkflowRunResource,
    WorkflowRunStatus,
    read_properties,
    read_resume,
    read_start,
    workflow_run_resource,
    workflow_run_status,
)

_KIND: Final = "workflow run"


class WorkflowRunsQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which runs of a workflow to list; also of one that is deleted."""

    group: KnownName = DEFAULT_GROUP


class OneWorkflowRun(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """No parameters: the path names the workflow run."""


async def start_workflow(call: Call[InGroup]) -> web.Response:
    given = read_start(call.body(optional=True))
    run = await call.board.start_workflow(
        call.query.group, call.name, properties=given.properties, idempotency_key=call.key
    )
    return _created(call, run)


async def list_workflow_runs(call: Call[WorkflowRunsQuery]) -> web.Response:
    query = call.query
    place = place_of("workflow_runs", query)
    wanted = WorkflowRunFilter(
        group=query.group, workflow=call.name, before_id=place[0] if place else None
    )
    read = newest_first(call.board.list_workflow_runs, wanted)
    return json_answer(
        await page_by_bytes(
            "workflow_runs",
            query,
            read,
            contents=of_workflow_runs,
            shown_as=workflow_run_resource,
            place=by_id,
        )
    )


async def get_workflow_run(call: Call[OneWorkflowRun]) -> web.Response:
    return _answer(await call.board.get_workflow_run(call.id_of(_KIND)))


async def stop_workflow_run(call: Call[OneWorkflowRun]) -> web.Response:
    return _answer(await call.board.stop_workflow_run(call.id_of(_KIND)))


async def resume_workflow_run(call: Call[OneWorkflowRun]) -> web.Response:
    given = read_resume(call.body())
    return _created(call, await call.board.resume_workflow_run(call.id_of(_KIND), given.jobs))


async def put_workflow_properties(call: Call[OneWorkflowRun]) -> web.Response:
    given = read_properties(call.body())
    run_id = call.id_of(_KIND)
    return _answer(await call.board.set_workflow_properties(run_id, given.properties))


def _answer(run: WorkflowRun) -> web.Response:
    return json_answer(workflow_run_status(run))


def _created(call: Call[InGroup] | Call[OneWorkflowRun], run: WorkflowRun) -> web.Response:
    where = call.url("get_workflow_run", id=str(run.id))
    return json_answer(workflow_run_status(run), status=201, headers={"Location": where})


_OF_ONE: Final = "/v1/workflows/{name}/runs"
_ONE: Final = "/v1/workflow-runs/{id}"

ROUTES: Final = (
    Route(
        method="POST",
        path=_OF_ONE,
        name="start_workflow",
        summary="Begin a run of a workflow",
        handle=start_workflow,
        is_repeatable=True,
        query=InGroup,
        body=StartWorkflowInput,
        body_optional=True,
        answers={201: WorkflowRunStatus},
        problems=("not_found", "workflow_full", "invalid_input"),
    ),
    Route(
        method="GET",
        path=_OF_ONE,
        name="list_workflow_runs",
        summary="List the runs of a workflow, newest first",
        handle=list_workflow_runs,
        query=WorkflowRunsQuery,
        answers={200: Page[WorkflowRunResource]},
        problems=("invalid_cursor",),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_workflow_run",
        summary="Get a run of a workflow, with the triggers that it works on",
        handle=get_workflow_run,
        query=OneWorkflowRun,
        answers={200: WorkflowRunStatus},
        problems=("not_found",),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/stop",
        name="stop_workflow_run",
        summary="Stop what is live of a workflow run, and start nothing more",
        handle=stop_workflow_run,
        query=OneWorkflowRun,
        answers={200: WorkflowRunStatus},
        problems=("not_found", "workflow_not_running"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/resume",
        name="resume_workflow_run",
        summary="Run jobs of an ended workflow run again, and all that is downstream of them",
        handle=resume_workflow_run,
        query=OneWorkflowRun,
        body=ResumeWorkflowInput,
        answers={201: WorkflowRunStatus},
        problems=("not_found", "workflow_live", "workflow_full", "invalid_input"),
    ),
    Route(
        method="PUT",
        path=f"{_ONE}/properties",
        name="put_workflow_properties",
        summary="Lay properties over those of a workflow run",
        handle=put_workflow_properties,
        query=OneWorkflowRun,
        body=PropertiesInput,
        answers={200: WorkflowRunStatus},
        problems=("not_found", "invalid_input"),
    ),
)
