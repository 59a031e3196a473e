"""Answers in AWS JSON 1.1: what an operation gives, and faults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from callboard_service.doors.glue.faults import GlueFault
from callboard_service.wire.text import encode_json

CONTENT_TYPE: Final = "application/x-amz-json-1.1"


def success(members: Mapping[str, Any]) -> web.Response:
    """The answer of an operation."""
    return _answer(200, plain(members))


def failure(fault: GlueFault) -> web.Response:
    """The answer for a fault."""
    body = {"__type": fault.code, "Message": str(fault)}
    return _answer(fault.status, body, {"x-amzn-ErrorType": fault.code, **fault.headers})


def plain(value: Any) -> Any:
    """The JSON form: datetimes as seconds since the epoch, no members that are None, deeply."""
    match value:
        case datetime():
            return round(value.timestamp(), 6)
        case Mapping():
            return {key: plain(each) for key, each in value.items() if each is not None}
        case list() | tuple():
            return [plain(each) for each in value]
    return value


def _answer(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> web.Response:
    told = {**(headers or {}), "Content-Type": CONTENT_TYPE}
    return web.Response(body=encode_json(body), status=status, headers=told)
