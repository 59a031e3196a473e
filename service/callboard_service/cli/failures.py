"""What can go wrong between a command and its server, and what is then said.

CliFailure                  carries its exit code
|- Refused                  the API answered with a problem
|- Unreachable              the API did not answer
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from callboard.errors import InvalidInput
from callboard_service.cli.exit_code import ExitCode
from callboard_service.problem_codes import PROBLEM_CODES


class CliFailure(Exception):
    """A command cannot do what it was told."""

    def __init__(self, code: ExitCode, message: str, fix: str = "") -> None:
        self.code = code
        self.fix = fix
        super().__init__(message)

    def lines(self) -> Iterator[str]:
        """What people are told."""
        yield str(self)
        if self.fix:
            yield f"  {self.fix}"

    def document(self) -> Mapping[str, Any]:
        """What programs are told, as a problem of the API."""
        return {"title": "The command failed", "detail": str(self), "fix": self.fix}


class Refused(CliFailure):
    """The API answered with a problem."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        detail = problem.get("detail") or problem.get("title") or f"status {status}"
        super().__init__(_code_of(status), str(detail))

    @property
    def name(self) -> str:
        """The problem's stable word."""
        return str(self.problem.get("code", ""))

    def lines(self) -> Iterator[str]:
        errors = self.problem.get("errors") or []
        if not errors:
            yield str(self)
        for each in errors:
            field, reason, fix = (each.get(key) or "" for key in ("field", "reason", "fix"))
            yield f"{field + ': ' if field else ''}{reason}" + (f" ({fix})" if fix else "")
        if self.status == 401:
            yield "  set CALLBOARD_TOKEN to the token of the service"

    def with_fixes(self, fixes: Mapping[str, str]) -> Refused:
        """The same, with what may help by field, where the API says nothing of that."""
        errors = [
            {**each, "fix": each.get("fix") or fixes.get(each.get("field", ""), "")}
            for each in self.problem.get("errors") or []
        ]
        return Refused(self.status, {**self.problem, "errors": errors})

    def document(self) -> Mapping[str, Any]:
        return self.problem


class Unreachable(CliFailure):
    """The API did not answer."""

    def __init__(self, url: str, reason: str) -> None:
        fix = "is it running? callboard serve starts it; --url or CALLBOARD_URL says where it is"
        super().__init__(ExitCode.UNREACHABLE, f"{url} does not answer: {reason}", fix)


def invalid_input(error: InvalidInput) -> Refused:
    """As the API would have refused what a command found wrong by itself."""
    code = PROBLEM_CODES["invalid_input"]
    errors = [{"field": e.field, "reason": e.reason, "fix": e.fix} for e in error.problems]
    problem = {
        "type": f"/problems/{code.code}",
        "title": code.title,
        "status": code.status,
        "code": code.code,
        "detail": str(error),
        "errors": errors,
    }
    return Refused(code.status, problem)


def problem_of(status: int, body: bytes) -> Mapping[str, Any]:
    """The problem in an answer; one of our own where there is none in it."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    return {"status": status, "title": f"status {status}", "detail": f"status {status}, no problem"}


def _code_of(status: int) -> ExitCode:
    if status >= 500 and status != 501:
        return ExitCode.UNREACHABLE
    if status in (400, 413, 415, 422, 501):
        return ExitCode.USAGE
    return ExitCode.REFUSED
