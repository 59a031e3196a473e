"""The operations of Glue's job runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from callboard.domain.given_terms import GivenTerms
from callboard.domain.job import Job, OnFull
from callboard.domain.json import JsonObject
from callboard.domain.run import NewRun, Run
from callboard.domain.states import IllegalTransition
from callboard.errors import Conflict, InvalidInput, NotFound
from callboard.store.contract import RunFilter
from callboard_service.doors.glue.faults import (
    GlueFault,
    concurrent_runs,
    not_found,
)
from callboard_service.doors.glue.ids import glue_run_id, run_id_of
from callboard_service.doors.glue.job_checks import check_run_sizes
from callboard_service.doors.glue.jobs import check_runnable, find_job, job_not_found
from callboard_service.doors.glue.operation import GlueCall, Operation
from callboard_service.doors.glue.predecessors import predecessors_of
from callboard_service.doors.glue.run_document import QUEUING, glue_job_run, start_annotations
from callboard_service.doors.glue.tokens import page_by_bytes, place_of
from callboard_service.portions import newest_first, of_runs

_NOT_THERE: Final = "EntityNotFoundException"
_ENDED: Final = "JobRunInTerminalStateException"
_FIELD: Final = "runs[0]"
"""Of the board's words for what is wrong with a start."""
_SLACK: Final = timedelta(minutes=1)
"""By which a run may be older than its job: a transaction's instant is that of its beginning."""


async def find_run(call: GlueCall, job: Job, run_id: str) -> Run:
    """The run of the job by Glue's id; not of an earlier job of its name.

    Raises:
        GlueFault: EntityNotFoundException.
    """
    number = run_id_of(run_id)
    if number is not None:
        try:
            run = await call.board.get_run(number)
        except NotFound:
            raise run_not_found(run_id) from None
        if run.job_id == job.id:
            return run
    raise run_not_found(run_id)


def run_not_found(run_id: str) -> GlueFault:
    """The fault for a run that is not there, or another job's."""
    return not_found(f"Job run {run_id} not found.")


async def start_job_run(call: GlueCall) -> Mapping[str, Any]:
    check_run_sizes(call.request)
    job = await find_job(call, call.request["JobName"])
    check_runnable(job)
    new = await _new_run(call, job)
    try:
        (run,) = await call.board.start_runs([new], idempotency_key=call.key)
    except (Conflict, InvalidInput) as error:
        raise _start_fault(error, job.name) from None
    return {"JobRunId": glue_run_id(run.id)}


async def _new_run(call: GlueCall, job: Job) -> NewRun:
    request, previous = call.request, None
    if "JobRunId" in request:
        previous = await find_run(call, job, request["JobRunId"])
    return NewRun(
        job=job.name,
        group=job.group,
        arguments=_arguments(request, job, previous),
        previous_run_id=None if previous is None else previous.id,
        terms=_terms(request),
    )


def _arguments(request: Mapping[str, Any], job: Job, previous: Run | None) -> JsonObject:
    """The given ones, or those of the run that is tried again; what is fixed is the job's."""
    if "Arguments" in request or previous is None:
        given: JsonObject = request.get("Arguments", {})
        return given
    return {
        name: value for name, value in previous.arguments.items() if name not in job.fixed_arguments
    }


def _terms(request: Mapping[str, Any]) -> GivenTerms | None:
    timeout, queues = request.get("Timeout"), request.get(QUEUING)
    annotations = start_annotations(request)
    if timeout is None and queues is None and not annotations:
        return None
    on_full = None
    if queues is not None:
        on_full = OnFull.QUEUE if queues else OnFull.REFUSE
    return GivenTerms(
        timeout_s=None if timeout is None else 60.0 * timeout,
        on_full=on_full,
        annotations=annotations,
    )


def _start_fault(error: Conflict | InvalidInput, job: str) -> Exception:
    if isinstance(error, Conflict):
        if error.code != "job_full":
            return error
        return concurrent_runs(f"Job with name {job} already running")
    if all(problem.field == f"{_FIELD}.job" for problem in error.problems):
        return job_not_found(job)  # deleted a moment ago
    return error.within(_FIELD)


async def get_job_run(call: GlueCall) -> Mapping[str, Any]:
    request = call.request
    job = await find_job(call, request["JobName"])
    run = await find_run(call, job, request["RunId"])
    shown = glue_job_run(run, job, call.clock.now())
    if request.get("PredecessorsIncluded"):
        shown["PredecessorRuns"] = await predecessors_of(call, run)
    return {"JobRun": shown}


async def get_job_runs(call: GlueCall) -> Mapping[str, Any]:
    before_id, now = place_of(call, int), call.clock.now()
    job = await find_job(call, call.request["JobName"])
    assert job.created_at is not None
    wanted = RunFilter(
        group=call.group,
        job=job.name,
        created_from=job.created_at - _SLACK,
        before_id=before_id,
    )
    page, token = await page_by_bytes(
        call,
        newest_first(call.board.list_runs, wanted),
        contents=of_runs,
        place=lambda last: last.id,
    )
    return {
        "JobRuns": [glue_job_run(run, job, now) for run in page if run.job_id == job.id],
        "NextToken": token,
    }


async def batch_stop_job_run(call: GlueCall) -> Mapping[str, Any]:
    name, accepted, errors = call.request["JobName"], list[Any](), list[Any]()
    for run_id in dict.fromkeys(call.request["JobRunIds"]):
        answer = {"JobName": name, "JobRunId": run_id}
        problem = await _stop(call, name, run_id)
        if problem is None:
            accepted.append(answer)
        else:
            detail = {"ErrorCode": problem.code, "ErrorMessage": str(problem)}
            errors.append({**answer, "ErrorDetail": detail})
    return {"SuccessfulSubmissions": accepted, "Errors": errors}


async def _stop(call: GlueCall, job: str, run_id: str) -> GlueFault | None:
    """Ask a run to stop; what speaks against it."""
    try:
        run = await find_run(call, await find_job(call, job), run_id)
        await call.board.stop_run(run.id)
    except GlueFault as fault:
        return fault
    except NotFound:
        return run_not_found(run_id)
    except IllegalTransition as error:
        return GlueFault(_ENDED, f"Job run {run_id} has ended: {error.state.value}")
    return None


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "StartJobRun": start_job_run,
        "GetJobRun": get_job_run,
        "GetJobRuns": get_job_runs,
        "BatchStopJobRun": batch_stop_job_run,
    }
)
