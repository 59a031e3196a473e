"""What a request asks for: its target, and that it is one of AWS JSON 1.1."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callboard_service.doors.glue.answer import CONTENT_TYPE
from callboard_service.doors.glue.faults import unknown_operation

PREFIX: Final = "AWSGlue."
HEADER: Final = "X-Amz-Target"
_MOST_SHOWN: Final = 100


def operation_of(request: web.Request) -> str:
    """The operation that the target names, which there need not be.

    Raises:
        GlueFault: UnknownOperationException: no target, another service's, another content type.
    """
    targets = request.headers.getall(HEADER, [])
    if len(targets) != 1:
        how_many = "no" if not targets else "more than one"
        raise unknown_operation(f"the request has {how_many} {HEADER}, such as {PREFIX}GetJobs")
    _check_type(request)
    service, dot, operation = targets[0].partition(".")
    if f"{service}{dot}" != PREFIX or not operation:
        told = targets[0][:_MOST_SHOWN]
        raise unknown_operation(f"{told!a} is not an operation of {PREFIX[:-1]}")
    return operation


def no_such_operation(operation: str) -> str:
    """What is told of an operation that Glue has not, either."""
    return f"Glue has no operation {operation[:_MOST_SHOWN]!a}"


def _check_type(request: web.Request) -> None:
    # Browsers send forms and plain text across sites without asking, but not this.
    given = request.headers.getall("Content-Type", [])
    charset = (request.charset or "utf-8").lower().replace("_", "-")
    if len(given) != 1 or request.content_type != CONTENT_TYPE or charset not in ("utf-8", "utf8"):
        told = given[0][:_MOST_SHOWN] if given else "none"
        raise unknown_operation(f"the content type is {told!a}, not {CONTENT_TYPE}")
