"""Errors as the door answers them: problems (RFC 9457) with Spring's names.

| error of the library | status | code | exception of Spring Batch |
| --- | --- | --- | --- |
| NotFound job, Conflict job_gone, not_batch (of a job) | 404 | JOB_NOT_FOUND | NoSuchJob |
| NotFound run, Conflict not_batch (of a run) | 404 | EXECUTION_NOT_FOUND | NoSuchJobExecution |
| NotFound instance, step | 404 | INSTANCE_, STEP_NOT_FOUND | NoSuchJobInstance, NoSuchStep |
| Conflict instance_already_exists | 409 | INSTANCE_ALREADY_EXISTS | JobInstanceAlreadyExists |
| run_already_running | 409 | EXECUTION_ALREADY_RUNNING | JobExecutionAlreadyRunning |
| instance_already_complete | 409 | INSTANCE_ALREADY_COMPLETE | JobInstanceAlreadyComplete |
| job_not_restartable | 409 | JOB_NOT_RESTARTABLE | JobRestart |
| run_state_unknown | 409 | EXECUTION_STATE_UNKNOWN | JobRestart |
| definition_changed | 409 | DEFINITION_CHANGED | JobRestart |
| run_not_running | 409 | EXECUTION_NOT_RUNNING | JobExecutionNotRunning |
| no_incrementer | 409 | NO_INCREMENTER | JobParametersNotFound |
| InvalidInput of parameters | 422 | INVALID_PARAMETERS | JobParametersInvalid |
| StaleVersion, TransactionConflict, illegal_transition | 409 | CONCURRENT_MODIFICATION | |
| Overloaded, TooManyQueued, job_full | 503 | CAPACITY_EXHAUSTED | TaskRejected |

Everything else has the status and, in capitals, the code that it has natively. `type` leads to the
native problem's page, `exception` is the simple name of Spring's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

from callboard.errors import (
    Conflict,
    FieldProblem,
    InvalidInput,
    NotFound,
    Overloaded,
    StaleVersion,
    TooManyQueued,
    TransactionConflict,
)
from callboard_service.doors.batch.given import PREFIX
from callboard_service.doors.batch.words import status_of_word
from callboard_service.problems import CONTENT_TYPE, RETRY_AFTER_S, answer_to
from callboard_service.wire.text import encode_json, parse_json


@dataclass(frozen=True, slots=True)
class Fault:
    """What a refusal is called here."""

    status: int
    code: str
    exception: str | None = None
    """Simple name of Spring's."""


_NO_JOB: Final = Fault(404, "JOB_NOT_FOUND", "NoSuchJobException")
_NO_EXECUTION: Final = Fault(404, "EXECUTION_NOT_FOUND", "NoSuchJobExecutionException")
_LOST_RACE: Final = Fault(409, "CONCURRENT_MODIFICATION", "OptimisticLockingFailureException")
_NO_CAPACITY: Final = Fault(503, "CAPACITY_EXHAUSTED", "TaskRejectedException")
_PARAMETERS: Final = Fault(422, "INVALID_PARAMETERS", "JobParametersInvalidException")

_MISSING: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "run": _NO_EXECUTION,
        "instance": Fault(404, "INSTANCE_NOT_FOUND", "NoSuchJobInstanceException"),
        "step": Fault(404, "STEP_NOT_FOUND", "NoSuchStepException"),
    }
)
"""By kind of what there is not; all else that has a name is a job."""

_CONFLICTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "instance_already_exists": Fault(
            409, "INSTANCE_ALREADY_EXISTS", "JobInstanceAlreadyExistsException"
        ),
        "run_already_running": Fault(
            409, "EXECUTION_ALREADY_RUNNING", "JobExecutionAlreadyRunningException"
        ),
        "instance_already_complete": Fault(
            409, "INSTANCE_ALREADY_COMPLETE", "JobInstanceAlreadyCompleteException"
        ),
        "job_not_restartable": Fault(409, "JOB_NOT_RESTARTABLE", "JobRestartException"),
        "run_state_unknown": Fault(409, "EXECUTION_STATE_UNKNOWN", "JobRestartException"),
        "definition_changed": Fault(409, "DEFINITION_CHANGED", "JobRestartException"),
        "run_not_running": Fault(409, "EXECUTION_NOT_RUNNING", "JobExecutionNotRunningException"),
        "no_incrementer": Fault(409, "NO_INCREMENTER", "JobParametersNotFoundException"),
        "job_gone": _NO_JOB,
        "job_full": _NO_CAPACITY,
        "illegal_transition": _LOST_RACE,
    }
)

_FACTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "instance_id": "jobInstanceId",
        "run_id": "jobExecutionId",
        "last_run_id": "lastJobExecutionId",
        "job": "jobName",
        "state": "batchStatus",
    }
)
"""Names of the members for a conflict's facts; `status` alone is the answer's own (RFC 9457)."""


def refuse(error: Exception) -> web.Response:
    """The answer for anything that was raised in the door, or on the way to it."""
    if isinstance(error, InvalidInput):
        error = InvalidInput(*(_renamed(problem) for problem in error.problems))
    native = answer_to(error)
    fault = _fault_of(error)
    document: dict[str, Any] = parse_json(native.body if isinstance(native.body, bytes) else b"{}")
    if isinstance(error, Conflict):
        document = {name: each for name, each in document.items() if name not in error.facts}
        document |= _facts(error.facts)
    status = native.status if fault is None else fault.status
    document["code"] = document["code"].upper() if fault is None else fault.code
    document["status"] = status
    if fault is not None and fault.exception is not None:
        document["exception"] = fault.exception
    headers = {name: text for name, text in native.headers.items() if name != "Content-Length"}
    headers["Content-Type"] = CONTENT_TYPE
    if status == web.HTTPServiceUnavailable.status_code:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    return web.Response(body=encode_json(document), status=status, headers=headers)


def _fault_of(error: Exception) -> Fault | None:
    """None: nothing of Spring's."""
    match error:
        case NotFound():
            return _MISSING.get(error.kind, _NO_JOB)
        case Conflict(code="not_batch"):
            return _NO_EXECUTION if "run_id" in error.facts else _NO_JOB
        case Conflict():
            return _CONFLICTS.get(error.code)
        case StaleVersion() | TransactionConflict():
            return _LOST_RACE
        case Overloaded() | TooManyQueued():
            return _NO_CAPACITY
        case InvalidInput():
            is_given = any(_is_parameter(problem.field) for problem in error.problems)
            return _PARAMETERS if is_given else None
    return None


def _is_parameter(field: str) -> bool:
    return field == PREFIX or field.startswith(f"{PREFIX}.")


def _renamed(problem: FieldProblem) -> FieldProblem:
    """The library calls a run's parameters its arguments."""
    head, dot, rest = problem.field.partition(".")
    if head != "arguments":
        return problem
    return FieldProblem(f"{PREFIX}{dot}{rest}", problem.reason, problem.fix)


def _facts(facts: Mapping[str, object]) -> dict[str, object]:
    found = {_FACTS.get(name, name): value for name, value in facts.items()}
    if isinstance(word := facts.get("state"), str):
        found["batchStatus"] = status_of_word(word)
    return found
