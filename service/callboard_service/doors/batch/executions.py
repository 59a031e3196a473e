"""/api/executions: what one execution did, and what is asked of it."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from callboard.operations.computing import computed
from callboard_service.call import Call, json_answer
from callboard_service.doors.batch.answer import begun_answer
from callboard_service.doors.batch.execution_document import JobExecution
from callboard_service.doors.batch.loading import job_execution
from callboard_service.doors.batch.operation import Operation
from callboard_service.doors.batch.parameter_document import parameters_json
from callboard_service.doors.batch.properties import write_properties
from callboard_service.doors.batch.step_document import step_document, step_text
from callboard_service.doors.batch.steps_page import StepsPage, link_to, steps_page
from callboard_service.media import TEXT, first_accepted, text_answer
from callboard_service.wire.batch import read_recover, read_restart

PROPERTIES: Final = "text/properties"


async def get_execution(call: Call[StepsPage]) -> web.Response:
    execution = await _execution(call)
    steps, following = await steps_page(call, "getExecution")
    documents = await computed(len(steps), lambda: [step_document(step) for step in steps])
    shown = {"stepExecutions": documents, "nextStepExecutions": following}
    return json_answer({**execution.to_json(), **shown}, headers=link_to(following))


async def stop(call: Call[Any]) -> web.Response:
    """True: the wish is stored. The execution stops at its next boundary."""
    await call.board.operator.stop(call.run_id)
    return json_answer(True, status=202)


async def restart(call: Call[Any]) -> web.Response:
    given = read_restart(call.body(optional=True))
    run = await call.board.operator.restart(
        call.run_id, steps=given.steps, idempotency_key=call.key
    )
    document = (await job_execution(call.board, run)).to_json()
    return begun_answer(call, run, f"Job restarted with ID: {run.id}", document)


async def abandon(call: Call[Any]) -> web.Response:
    run = await call.board.operator.abandon(call.run_id)
    return json_answer((await job_execution(call.board, run)).to_json())


async def recover(call: Call[Any]) -> web.Response:
    given = read_recover(call.body(optional=True))
    run = await call.board.operator.recover(call.run_id, reason=given.reason, force=given.force)
    return json_answer((await job_execution(call.board, run)).to_json())


async def get_summary(call: Call[Any]) -> web.Response:
    return text_answer((await _execution(call)).summary)


async def get_parameters(call: Call[Any]) -> web.Response:
    parameters = (await _execution(call)).parameters
    kind = first_accepted(call.request)
    if kind not in (TEXT, PROPERTIES):
        return json_answer(parameters_json(parameters), headers={"Vary": "Accept"})
    text = write_properties((each.name, each.notation) for each in parameters)
    return text_answer(text, kind=kind)


async def get_step_summaries(call: Call[StepsPage]) -> web.Response:
    steps, following = await steps_page(call, "getStepExecutionSummaries")
    texts = await computed(len(steps), lambda: {str(step.id): step_text(step) for step in steps})
    return json_answer(texts, headers=link_to(following))


async def get_context(call: Call[Any]) -> web.Response:
    context = await call.board.operator.context(call.run_id)
    return json_answer({"jobExecutionId": call.run_id, "executionContext": dict(context)})


async def _execution(call: Call[Any]) -> JobExecution:
    return await job_execution(call.board, await call.board.get_run(call.run_id))


_ONE: Final = "/api/executions/{id}"

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_ONE,
        name="getExecution",
        of="run",
        handle=get_execution,
        query=StepsPage,
    ),
    Operation(method="POST", path=f"{_ONE}/stop", name="stop", of="run", handle=stop),
    Operation(
        method="POST",
        path=f"{_ONE}/restart",
        name="restart",
        of="run",
        handle=restart,
        is_repeatable=True,
    ),
    Operation(method="POST", path=f"{_ONE}/abandon", name="abandon", of="run", handle=abandon),
    Operation(method="POST", path=f"{_ONE}/recover", name="recover", of="run", handle=recover),
    Operation(
        method="GET", path=f"{_ONE}/summary", name="getSummary", of="run", handle=get_summary
    ),
    Operation(
        method="GET",
        path=f"{_ONE}/parameters",
        name="getParameters",
        of="run",
        handle=get_parameters,
    ),
    Operation(
        method="GET",
        path=f"{_ONE}/steps",
        name="getStepExecutionSummaries",
        of="run",
        handle=get_step_summaries,
        query=StepsPage,
    ),
    Operation(
        method="GET", path=f"{_ONE}/context", name="getContext", of="run", handle=get_context
    ),
)
