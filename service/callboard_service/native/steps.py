"""/v1/steps: single executions of steps of batch runs."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from callboard.domain.batch_step import StepExecution
from callboard_service.call import Call, Route
from callboard_service.native.tagged import tagged_answer
from callboard_service.wire.batch_steps import (
    StepContextResource,
    StepResource,
    step_context_resource,
    step_resource,
)

KIND: Final = "step"


class OneStep(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """No parameters: the path names the execution of a step."""


async def get_step(call: Call[OneStep]) -> web.Response:
    return tagged_answer(call, step_resource(await _step(call)))


async def get_step_context(call: Call[OneStep]) -> web.Response:
    return tagged_answer(call, step_context_resource(await _step(call)))


async def _step(call: Call[OneStep]) -> StepExecution:
    return await call.board.operator.step(call.id_of(KIND))


_ONE: Final = "/v1/steps/{id}"

ROUTES: Final = (
    Route(
        method="GET",
        path=_ONE,
        name="get_step",
        summary="Get an execution of a step",
        handle=get_step,
        query=OneStep,
        answers={200: StepResource, 304: None},
        problems=("not_found",),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/context",
        name="get_step_context",
        summary="Get what an execution of a step keeps for its restart",
        handle=get_step_context,
        query=OneStep,
        answers={200: StepContextResource, 304: None},
        problems=("not_found",),
    ),
)
