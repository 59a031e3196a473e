"""From an exception to an answer: one table.

| exception | status | code |
| --- | --- | --- |
| BadQuery, BadCursor, BadHeader, MalformedJson | 400 | invalid_query, invalid_cursor, ... |
| NotFound | 404 | not_found |
| AlreadyExists, Conflict | 409 | already_exists, or the conflict's own |
| EventsGone | 410 | events_gone |
| StaleVersion | 412 | stale_version |
| InvalidInput | 422 | invalid_input |
| TooManyQueued | 429 | too_many_queued |
| NotSupportedYet | 501 | not_supported_yet |
| Overloaded, StoreError, AskTimeout, an actor that stopped | 503 | overloaded, store_unavailable |
| everything else | 500 | internal_error, with an incident's number |
"""

from __future__ import annotations

import http
import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import pykka
from aiohttp import web

from callboard.errors import (
    AlreadyExists,
    CallboardError,
    Conflict,
    FieldProblem,
    InvalidInput,
    NotFound,
    NotSupportedYet,
    Overloaded,
    StaleVersion,
    StoreError,
    TooManyQueued,
)
from callboard.runtime import AskTimeout
from callboard_service.problem_codes import PROBLEM_CODES
from callboard_service.wire.text import MalformedJson, encode_json

logger = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1


class FieldFault(msgspec.Struct, kw_only=True):
    """What is wrong with one field."""

    field: str
    reason: str
    fix: str


class Problem(msgspec.Struct, kw_only=True):
    """Why a request was not answered as it was meant (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldFault]


class Refusal(CallboardError):
    """An answer that the service itself gives by the code's status."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Iterable[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        self.code = code
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.facts = dict(facts or {})
        super().__init__(detail)


def bad_query(problems: Iterable[FieldProblem]) -> Refusal:
    """The refusal of a query with wrong parameters."""
    found = tuple(problems)
    return Refusal("invalid_query", "; ".join(map(str, found)), errors=found)


def bad_header(name: str, reason: str, fix: str = "") -> Refusal:
    """The refusal of a request with a wrong header."""
    problem = FieldProblem(name, reason, fix)
    return Refusal("invalid_header", str(problem), errors=[problem])


def problem_response(
    code: str,
    detail: str,
    *,
    status: int | None = None,
    errors: Iterable[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
    facts: Mapping[str, object] | None = None,
) -> web.Response:
    """The answer for a problem; `facts` are further members of its document."""
    known = PROBLEM_CODES.get(code, PROBLEM_CODES["conflict"])
    document: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": known.title,
        "status": status or known.status,
        "code": code,
        "detail": detail,
        "errors": [{"field": e.field, "reason": e.reason, "fix": e.fix} for e in errors],
    }
    document |= {name: each for name, each in (facts or {}).items() if name not in document}
    return web.Response(
        body=encode_json(document),
        status=document["status"],
        headers={**(headers or {}), "Content-Type": CONTENT_TYPE},
    )


def answer_to(error: Exception) -> web.Response:
    """The answer for anything that a handler raised."""
    match error:
        case Refusal():
            return problem_response(
                error.code,
                str(error),
                errors=error.errors,
                headers=error.headers,
                facts=error.facts,
            )
        case MalformedJson():
            return problem_response("malformed_json", str(error))
        case InvalidInput():
            return problem_response("invalid_input", str(error), errors=error.problems)
        case NotSupportedYet():
            problem = FieldProblem(error.field, f"{error.what} is not supported by this release")
            return problem_response("not_supported_yet", str(error), errors=[problem])
        case NotFound():
            return problem_response("not_found", str(error))
        case AlreadyExists():
            return problem_response("already_exists", str(error))
        case StaleVersion():
            facts = {"present_version": error.present}
            return problem_response("stale_version", str(error), facts=facts)
        case Conflict():
            return _conflict(error)
        case TooManyQueued():
            after = {"Retry-After": str(max(1, round(error.retry_after_s)))}
            return problem_response("too_many_queued", str(error), headers=after)
        case Overloaded():
            after = {"Retry-After": str(max(1, round(error.retry_after_s)))}
            return problem_response("overloaded", str(error), headers=after)
        case StoreError() | AskTimeout() | pykka.ActorDeadError():
            after = {"Retry-After": str(RETRY_AFTER_S)}
            return problem_response("store_unavailable", str(error), headers=after)
        case web.HTTPException():
            return _http(error)
    return _incident(error)


def _conflict(error: Conflict) -> web.Response:
    if error.code == "events_gone":
        return problem_response(
            error.code, str(error), facts={"oldest": getattr(error, "oldest", None)}
        )
    return problem_response(error.code, str(error), status=409, facts=error.facts)


def _http(error: web.HTTPException) -> web.Response:
    """aiohttp's own refusals in our form."""
    match error:
        case web.HTTPNotFound():
            return problem_response("not_found", "there is no such path")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            detail = f"{error.method} is not among the path's methods: {allowed}"
            return problem_response("method_not_allowed", detail, headers={"Allow": allowed})
        case web.HTTPRequestEntityTooLarge():
            return problem_response("too_large", "the body has more than the service takes")
    phrase = http.HTTPStatus(error.status).phrase
    return problem_response("malformed_request", error.text or phrase, status=error.status)


def report_incident(error: Exception) -> str:
    """Log what must not happen; the number under which the log has it."""
    incident = uuid.uuid4().hex
    logger.error(
        "a request failed unexpectedly",
        extra={"event": "http.incident", "incident": incident},
        exc_info=error,
    )
    return incident


def _incident(error: Exception) -> web.Response:
    incident = report_incident(error)
    detail = f"an unexpected fault; the service's log has it under {incident}"
    return problem_response("internal_error", detail, facts={"incident": incident})
