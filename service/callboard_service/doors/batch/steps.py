"""/api/step-executions: one execution of a step."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from callboard_service.call import Call, json_answer
from callboard_service.doors.batch.operation import Operation
from callboard_service.doors.batch.step_document import step_context, step_document


async def get_step_execution(call: Call[Any]) -> web.Response:
    return json_answer(step_document(await call.board.operator.step(call.id_of("step"))))


async def get_step_context(call: Call[Any]) -> web.Response:
    return json_answer(step_context(await call.board.operator.step(call.id_of("step"))))


_ONE: Final = "/api/step-executions/{id}"

OPERATIONS: Final = (
    Operation(
        method="GET", path=_ONE, name="getStepExecution", of="step", handle=get_step_execution
    ),
    Operation(
        method="GET",
        path=f"{_ONE}/context",
        name="getStepContext",
        of="step",
        handle=get_step_context,
    ),
)
