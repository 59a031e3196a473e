"""/api/instances: one instance, and its executions."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from callboard_service.call import Call, json_answer
from callboard_service.doors.batch.job_document import instance_document
from callboard_service.doors.batch.loading import job_executions, rules_of
from callboard_service.doors.batch.operation import Operation


async def get_instance(call: Call[Any]) -> web.Response:
    instance = await call.board.operator.instance(call.id_of("instance"))
    rules = await rules_of(call.board, instance.group, instance.job)
    return json_answer(instance_document(instance, rules))


async def get_executions(call: Call[Any]) -> web.Response:
    """Newest first."""
    runs = await call.board.operator.runs(call.id_of("instance"))
    batches = await call.board.operator.batch_runs([run.id for run in runs])
    found = await job_executions(call.board, runs, batches)
    return json_answer([each.to_json() for each in found])


_ONE: Final = "/api/instances/{id}"

OPERATIONS: Final = (
    Operation(method="GET", path=_ONE, name="getJobInstance", of="instance", handle=get_instance),
    Operation(
        method="GET",
        path=f"{_ONE}/executions",
        name="getExecutions",
        of="instance",
        handle=get_executions,
    ),
)
