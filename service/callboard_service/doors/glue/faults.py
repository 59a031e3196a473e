"""Errors as AWS's JSON services answer them: a code, a text, a status.

| error of the library | code |
| --- | --- |
| NotFound | EntityNotFoundException |
| AlreadyExists | AlreadyExistsException |
| InvalidInput, UnknownHandler, NotSupportedYet | InvalidInputException |
| Conflict job_full, workflow_full | ConcurrentRunsExceededException |
| Conflict workflow_not_running, workflow_live | IllegalWorkflowStateException |
| other Conflicts | InvalidInputException |
| StaleVersion, TransactionConflict | ConcurrentModificationException |
| Overloaded, TooManyQueued | ThrottlingException, which SDKs repeat |
| the database, AskTimeout, an actor that stopped | 500 InternalServiceException, repeated too |
| everything else | 500 InternalServiceException, with an incident's number |

All but the last two kinds have status 400.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pykka
from aiohttp import web

from callboard.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    Overloaded,
    RefusedError,
    StaleVersion,
    StoreError,
    TooManyQueued,
    TransactionConflict,
    UsageError,
)
from callboard.runtime import AskTimeout
from callboard_service.problems import RETRY_AFTER_S, Refusal, report_incident
from callboard_service.wire.text import MalformedJson

INTERNAL: Final = "InternalServiceException"
_CONFLICTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "job_full": "ConcurrentRunsExceededException",
        "workflow_full": "ConcurrentRunsExceededException",
        "workflow_not_running": "IllegalWorkflowStateException",
        "workflow_live": "IllegalWorkflowStateException",
    }
)
_REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "foreign_host": "AccessDeniedException",
        "foreign_origin": "AccessDeniedException",
        "too_large": "RequestEntityTooLargeException",
        "unsupported_media_type": "SerializationException",
        "malformed_request": "SerializationException",
        "idempotency_key_reused": "IdempotentParameterMismatchException",
        "request_in_progress": "ThrottlingException",
    }
)
"""What the service itself refuses, by its own codes."""


_AGAIN: Final[Mapping[str, str]] = MappingProxyType({"Retry-After": str(RETRY_AFTER_S)})


class GlueFault(RefusedError):
    """An error that is answered with its code; nothing was done."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.status = status
        self.headers = dict(headers or {})
        super().__init__(message)


def not_found(message: str) -> GlueFault:
    """There is no such job, run, trigger, workflow."""
    return GlueFault("EntityNotFoundException", message)


def already_exists(message: str) -> GlueFault:
    """The name is taken."""
    return GlueFault("AlreadyExistsException", message)


def invalid_input(message: str) -> GlueFault:
    """Glue's own checks say no."""
    return GlueFault("InvalidInputException", message)


def concurrent_runs(message: str) -> GlueFault:
    """As many runs as are allowed are live."""
    return GlueFault("ConcurrentRunsExceededException", message)


def parameter_mismatch(message: str) -> GlueFault:
    """The name is taken by something that is defined otherwise."""
    return GlueFault("IdempotentParameterMismatchException", message)


def limit_exceeded(message: str) -> GlueFault:
    """More things than are allowed."""
    return GlueFault("ResourceNumberLimitExceededException", message)


def concurrent_modification(message: str) -> GlueFault:
    """Two wrote the same thing at once."""
    return GlueFault("ConcurrentModificationException", message)


def illegal_workflow_state(message: str) -> GlueFault:
    """The workflow run's state does not allow it."""
    return GlueFault("IllegalWorkflowStateException", message)


def validation(message: str) -> GlueFault:
    """A constraint of the service model is broken."""
    return GlueFault("ValidationException", message)


def serialization(message: str) -> GlueFault:
    """The body is not JSON, or a value of it has another type than the model says."""
    return GlueFault("SerializationException", message)


def throttled(message: str) -> GlueFault:
    """Too much at once; SDKs try again."""
    return GlueFault("ThrottlingException", message, headers=_AGAIN)


def unknown_operation(message: str) -> GlueFault:
    """Glue has no such operation, or the request is not one of AWS JSON 1.1."""
    return GlueFault("UnknownOperationException", message)


def not_supported(message: str) -> GlueFault:
    """Glue has the operation, Callboard has not; SDKs do not try again."""
    return GlueFault("OperationNotSupportedException", message)


def missing_token() -> GlueFault:
    """The request is not signed."""
    return GlueFault("MissingAuthenticationTokenException", "Missing Authentication Token")


def incomplete_signature(message: str) -> GlueFault:
    """The signature cannot be read, or leaves out what has to be signed."""
    return GlueFault("IncompleteSignatureException", message)


def unrecognized_client(
    message: str = "The security token included in the request is invalid.",
) -> GlueFault:
    """Nobody has the access key."""
    return GlueFault("UnrecognizedClientException", message)


def invalid_signature(message: str) -> GlueFault:
    """The signature is not that of the request by the access key's secret, or too old."""
    return GlueFault("InvalidSignatureException", message)


def fault_of(error: Exception) -> GlueFault:
    """The fault for anything that an operation, or the way to it, has raised."""
    match error:
        case GlueFault():
            return error
        case NotFound():
            return not_found(str(error))
        case AlreadyExists():
            return already_exists(str(error))
        case StaleVersion() | TransactionConflict():
            return concurrent_modification(str(error))
        case Conflict():
            return GlueFault(_CONFLICTS.get(error.code, "InvalidInputException"), str(error))
        case Overloaded() | TooManyQueued():
            return throttled(str(error))
        case Refusal():
            code = _REFUSALS.get(error.code, "InvalidInputException")
            return GlueFault(code, str(error), headers=error.headers)
        case MalformedJson():
            return serialization(str(error))
        case UsageError():
            return invalid_input(str(error))
        case StoreError() | AskTimeout() | pykka.ActorDeadError():
            return GlueFault(INTERNAL, str(error), status=500, headers=_AGAIN)
        case web.HTTPException():
            return GlueFault("UnknownOperationException", error.reason, status=error.status)
    incident = report_incident(error)
    told = f"an unexpected fault; the service's log has it under {incident}"
    return GlueFault(INTERNAL, told, status=500)
