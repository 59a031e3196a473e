"""From the answer to an http job to the run's end: its result, or what failed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

import orjson

from callboard.domain.http_exchange import Reply
from callboard.domain.http_status import EXPECTED, RETRIED, is_among, retry_word
from callboard.domain.json import Json, JsonObject, check_json
from callboard.domain.retry_after import retry_after_s
from callboard.domain.run import RunError
from callboard.domain.states import RunState
from callboard.errors import InvalidInput
from callboard.runners.contract import Outcome
from callboard.runners.text import cut_end, to_storable

KEPT_HEADERS: Final = (
    "content-type",
    "content-length",
    "etag",
    "last-modified",
    "location",
    "retry-after",
    "request-id",
    "x-request-id",
)
SAID_BYTES: Final = 1_000
"""Of the body, in the message of a failure."""
MAX_HEADER_BYTES: Final = 1_000
_JSON_TYPE: Final = re.compile(r"application/(?:[\w.+-]+\+)?json", re.IGNORECASE)
_CHARSET: Final = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


def reply_outcome(reply: Reply, spec: JsonObject, now: datetime) -> Outcome:
    """How the run ends by this answer.

    Result: `{"status", "headers", "body"}`, the body as JSON where it says that it is and is whole,
    otherwise as text; one that is longer than what was kept ends with a mark, and `body_is_cut` is
    true. Failures are of type HttpStatus, or HttpContent where `expect.contains` is missing.
    """
    expect = cast("Mapping[str, Any]", spec.get("expect") or {})
    if not is_among(reply.status, expect.get("status") or EXPECTED):
        return _bad_status(reply, spec, now)
    wanted = expect.get("contains")
    if wanted is not None and wanted not in _text_of(reply):
        message = f"status {reply.status}, but the body does not contain {wanted[:200]!r}"
        return _failed("HttpContent", _with_body(message, reply))
    return Outcome(state=RunState.SUCCEEDED, result=_result(reply))


def _bad_status(reply: Reply, spec: JsonObject, now: datetime) -> Outcome:
    retried = cast("tuple[Json, ...] | None", spec.get("retry_on_status"))
    word = retry_word(reply.status, RETRIED if retried is None else retried)
    message = f"status {reply.status}"
    location = reply.header("Location")
    if 300 <= reply.status < 400 and location is not None:
        message += f" to {location[:500]} (set follow_redirects to follow it)"
    after_s = None
    if word is not False:
        asked, date = reply.header("Retry-After"), reply.header("Date")
        after_s = retry_after_s(asked, date=date, now=now)
    return _failed("HttpStatus", _with_body(message, reply), retry=word, after_s=after_s)


def _failed(
    type: str, message: str, *, retry: bool | None = None, after_s: float | None = None
) -> Outcome:
    error = RunError(type=type, message=message)
    return Outcome(state=RunState.FAILED, error=error, retry=retry, after_s=after_s)


def _with_body(message: str, reply: Reply) -> str:
    said = cut_end(to_storable(_text_of(reply).strip()), SAID_BYTES)
    return to_storable(f"{message}: {said}" if said else message)


def _result(reply: Reply) -> Json:
    result: dict[str, Json] = {
        "status": reply.status,
        "headers": {
            name: cut_end(to_storable(value), MAX_HEADER_BYTES)
            for name in KEPT_HEADERS
            if (value := reply.header(name)) is not None
        },
        "body": _body_of(reply),
    }
    if reply.is_cut:
        result["body_is_cut"] = True
    return result


def _body_of(reply: Reply) -> Json:
    if not reply.is_cut and _JSON_TYPE.match(reply.header("Content-Type") or ""):
        try:
            value: Json = orjson.loads(reply.body)
            check_json(value, "body", depth=1)
            return value
        except (orjson.JSONDecodeError, InvalidInput):
            pass
    text = to_storable(_text_of(reply))
    return f"{text} [... only {len(reply.body)} bytes were kept]" if reply.is_cut else text


def _text_of(reply: Reply) -> str:
    match = _CHARSET.search(reply.header("Content-Type") or "")
    charset = "utf-8" if match is None else match[1]
    try:
        return reply.body.decode(charset, errors="replace")
    except (LookupError, ValueError):
        return reply.body.decode(errors="replace")
