"""Runs of batch jobs: the next instance of a job, restarting a run, recovering one."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callboard_service.call import Call, Route
from callboard_service.native.groups import Waiting
from callboard_service.native.one_run import done_answer, run_answer
from callboard_service.native.runs import OneRun, RunQuery
from callboard_service.wire.batch import (
    NextInput,
    RecoverInput,
    RestartInput,
    read_next,
    read_recover,
    read_restart,
)
from callboard_service.wire.runs import RunResource


async def start_next_instance(call: Call[Waiting]) -> web.Response:
    arguments = read_next(call.body(optional=True))
    run = await call.board.operator.start_next(
        call.name, arguments, group=call.query.group, idempotency_key=call.key
    )
    return await done_answer(call, run, call.query.wait_s, status=201)


async def restart_run(call: Call[RunQuery]) -> web.Response:
    given = read_restart(call.body(optional=True))
    run = await call.board.operator.restart(
        call.run_id, steps=given.steps, idempotency_key=call.key
    )
    return await done_answer(call, run, call.query.wait_s, status=201)


async def recover_run(call: Call[OneRun]) -> web.Response:
    given = read_recover(call.body(optional=True))
    run = await call.board.operator.recover(call.run_id, reason=given.reason, force=given.force)
    return run_answer(call, run)


_ONE: Final = "/v1/runs/{id}"

ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/jobs/{name}/runs/next",
        name="start_next_instance",
        summary="Start a new instance of a batch job: the last one's parameters, incremented",
        about=(
            "Parameters that identify follow from those of the last instance by the job's rules.",
            "It makes no difference what became of that one's runs.",
            "The other parameters stay, or are given.",
        ),
        handle=start_next_instance,
        is_repeatable=True,
        query=Waiting,
        body=NextInput,
        body_optional=True,
        answers={201: RunResource},
        problems=(
            "not_found",
            "not_batch",
            "no_incrementer",
            "instance_already_exists",
            "job_disabled",
            "job_full",
            "too_many_queued",
            "invalid_input",
        ),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/restart",
        name="restart_run",
        summary="Go on where the last run of the run's instance got to, in a new run",
        about=(
            "It has the parameters of the run that is named.",
            "Steps that are done are passed over; others go on behind their last committed chunk.",
            "Where steps of the job have other names now, or are gone, `steps` says which.",
        ),
        handle=restart_run,
        is_repeatable=True,
        query=RunQuery,
        body=RestartInput,
        body_optional=True,
        answers={201: RunResource},
        problems=(
            "not_found",
            "not_batch",
            "run_already_running",
            "instance_already_complete",
            "job_not_restartable",
            "run_state_unknown",
            "definition_changed",
            "job_disabled",
            "job_full",
            "job_gone",
            "too_many_queued",
            "invalid_input",
        ),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/recover",
        name="recover_run",
        summary="Declare a batch run failed that nobody works on any more",
        about=(
            "Runs whose node has died are found without it.",
            "One that has ended is answered as it is; one whose node is alive only with `force`.",
        ),
        handle=recover_run,
        query=OneRun,
        body=RecoverInput,
        body_optional=True,
        answers={200: RunResource},
        problems=(
            "not_found",
            "not_batch",
            "run_already_running",
            "run_state_unknown",
            "invalid_input",
        ),
    ),
)
