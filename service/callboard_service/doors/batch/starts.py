"""/api/jobs/{name}: starting executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from callboard.domain.batch_parameter import ParameterRule, rules_from_spec
from callboard.domain.run import Run
from callboard_service.call import Call
from callboard_service.doors.batch.answer import begun_answer, words_answer
from callboard_service.doors.batch.given import given_parameters
from callboard_service.doors.batch.job_document import has_incrementer
from callboard_service.doors.batch.loading import batch_job, job_execution
from callboard_service.doors.batch.operation import Operation, group_of


async def launch(call: Call[Any]) -> web.Response:
    """As a controller does that asks for the next parameters: they are used where none are given
    and the job has an incrementer."""
    rules, given = await _asked(call)
    if not given and has_incrementer(rules):
        run = await _start_next(call, given)
    else:
        run = await _start(call, given)
    return words_answer(call, run, _words(run), status=200)


async def start(call: Call[Any]) -> web.Response:
    _, given = await _asked(call)
    return await _begun(call, await _start(call, given))


async def start_next_instance(call: Call[Any]) -> web.Response:
    _, given = await _asked(call)
    return await _begun(call, await _start_next(call, given))


async def _asked(
    call: Call[Any],
) -> tuple[tuple[ParameterRule, ...] | None, Mapping[str, Any]]:
    """What the job declares, and what the request gives."""
    job = await batch_job(call.board, group_of(call.request), call.name)
    rules = rules_from_spec(job.spec)
    return rules, given_parameters(call.request, call.data, rules)


async def _start(call: Call[Any], given: Mapping[str, Any]) -> Run:
    return await call.board.operator.start(
        call.name, given, group=group_of(call.request), idempotency_key=call.key
    )


async def _start_next(call: Call[Any], given: Mapping[str, Any]) -> Run:
    return await call.board.operator.start_next(
        call.name, given, group=group_of(call.request), idempotency_key=call.key
    )


async def _begun(call: Call[Any], run: Run) -> web.Response:
    document = (await job_execution(call.board, run)).to_json()
    return begun_answer(call, run, _words(run), document)


def _words(run: Run) -> str:
    return f"Job launched with ID: {run.id}"


_ONE: Final = "/api/jobs/{name}"

OPERATIONS: Final = tuple(
    Operation(
        method="POST",
        path=f"{_ONE}/{path}",
        name=name,
        handle=handle,
        query=None,
        is_repeatable=True,
    )
    for path, name, handle in (
        ("start", "launch", launch),
        ("executions", "start", start),
        ("next", "startNextInstance", start_next_instance),
    )
)
