"""What a batch run has done: its summary, parameters, steps, context, and what a restart would do.

Where the history of the run's instance is pruned, that of its steps is empty.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard.domain.batch_restart import PlannedStep
from callboard.domain.batch_step import StepExecution
from callboard.errors import Conflict, FieldProblem
from callboard_service.call import Call, Route, json_answer
from callboard_service.media import TEXT, text_answer, wants_text
from callboard_service.native.runs import OneRun
from callboard_service.native.tagged import tagged_answer
from callboard_service.paging import Paged, by_id, page_by_bytes, page_of, place_of
from callboard_service.portions import of_steps
from callboard_service.problems import bad_query
from callboard_service.wire.batch import (
    ContextResource,
    ParametersResource,
    RestartPlanResource,
    SummaryResource,
    context_resource,
    parameters_resource,
    planned_step_resource,
    refusal_resource,
    summary_resource,
)
from callboard_service.wire.batch_steps import (
    SkippedItemResource,
    StepResource,
    skipped_item_resource,
    step_resource,
)
from callboard_service.wire.shapes import Page


class RestartPlanQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the restart would be told of steps that have changed."""

    step: Annotated[
        list[str],
        msgspec.Meta(description="`old:new`, a step's names then and now; may come more than once"),
    ] = msgspec.field(default_factory=list)
    drop: Annotated[
        list[str], msgspec.Meta(description="a step that is gone for good; likewise")
    ] = msgspec.field(default_factory=list)


class StepsQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which steps, or skipped items, of a run to list."""


async def get_summary(call: Call[OneRun]) -> web.Response:
    found = await call.board.operator.summary(call.run_id)
    if wants_text(call.request):
        return text_answer(found.text.rstrip("\n") + "\n")
    return tagged_answer(call, summary_resource(found))


async def get_parameters(call: Call[OneRun]) -> web.Response:
    run_id, operator = call.run_id, call.board.operator
    batch = await operator.batch_run(run_id)
    instance = None if batch is None else await operator.instance(batch.instance_id)
    arguments = await operator.parameters(run_id)
    return tagged_answer(call, parameters_resource(run_id, arguments, instance))


async def list_steps(call: Call[StepsQuery]) -> web.Response:
    query = call.query
    place = place_of("steps", query)
    begin = place[0] if place else 0

    async def read(last: StepExecution | None, limit: int) -> list[StepExecution]:
        after = begin if last is None else last.id
        return await call.board.operator.list_steps(call.run_id, limit=limit, after=after)

    return json_answer(
        await page_by_bytes(
            "steps", query, read, contents=of_steps, shown_as=step_resource, place=by_id
        )
    )


async def get_context(call: Call[OneRun]) -> web.Response:
    batch = await call.board.operator.batch_run(call.run_id)
    return tagged_answer(call, context_resource(call.run_id, batch))


async def list_skipped(call: Call[StepsQuery]) -> web.Response:
    query, run_id = call.query, call.run_id
    place = place_of("skipped", query)
    items = await call.board.operator.skipped(
        run_id=run_id, limit=query.limit + 1, after=place[0] if place else 0
    )
    return json_answer(
        page_of("skipped", query, items, shown_as=skipped_item_resource, place=by_id)
    )


async def get_restart_plan(call: Call[RestartPlanQuery]) -> web.Response:
    run_id = call.run_id
    batch = await call.board.operator.batch_run(run_id)
    refusal: Conflict | None = None
    planned: tuple[PlannedStep, ...] = ()
    try:
        planned = await call.board.operator.explain_restart(run_id, steps=_mapping(call.query))
    except Conflict as conflict:
        refusal = conflict
    return tagged_answer(
        call,
        RestartPlanResource(
            run_id=run_id,
            instance_id=None if batch is None else batch.instance_id,
            refusal=None if refusal is None else refusal_resource(refusal),
            steps=[planned_step_resource(step) for step in planned],
        ),
    )


def _mapping(query: RestartPlanQuery) -> dict[str, str | None]:
    """Raises Refusal invalid_query."""
    found: dict[str, str | None] = dict.fromkeys(query.drop)
    for text in query.step:
        old, colon, new = text.partition(":")
        if not (old and colon and new):
            reason = f"{text[:80]!r} is not of the form old:new"
            raise bad_query([FieldProblem("step", reason, "e.g. step=load:load_orders")])
        if old in found:
            raise bad_query([FieldProblem("step", f"{old[:80]!r} comes twice", "say it once")])
        found[old] = new
    return found


_ONE: Final = "/v1/runs/{id}"
_PROBLEMS: Final = ("not_found", "not_batch")

ROUTES: Final = (
    Route(
        method="GET",
        path=f"{_ONE}/summary",
        name="get_summary",
        summary="Sum up a batch run, in JSON or in lines of text",
        handle=get_summary,
        query=OneRun,
        answers={200: SummaryResource, 304: None},
        also=(TEXT,),
        problems=_PROBLEMS,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/parameters",
        name="get_parameters",
        summary="Get the parameters of a batch run, and which of them identify it",
        handle=get_parameters,
        query=OneRun,
        answers={200: ParametersResource, 304: None},
        problems=_PROBLEMS,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/steps",
        name="list_steps",
        summary="List the steps of a batch run and their partitions, by id",
        handle=list_steps,
        query=StepsQuery,
        answers={200: Page[StepResource]},
        problems=(*_PROBLEMS, "invalid_cursor"),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/context",
        name="get_context",
        summary="Get what the steps of a batch run have told one another",
        handle=get_context,
        query=OneRun,
        answers={200: ContextResource, 304: None},
        problems=_PROBLEMS,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/skipped",
        name="list_skipped",
        summary="List the items that a batch run has passed over, in the order of their commits",
        handle=list_skipped,
        query=StepsQuery,
        answers={200: Page[SkippedItemResource]},
        problems=(*_PROBLEMS, "invalid_cursor"),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/restart-plan",
        name="get_restart_plan",
        summary="Say what a restart of a batch run would do, step by step",
        handle=get_restart_plan,
        query=RestartPlanQuery,
        answers={200: RestartPlanResource, 304: None},
        problems=(*_PROBLEMS, "invalid_input"),
    ),
)
