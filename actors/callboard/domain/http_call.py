"""From the spec of an http job and one of its runs to the request that is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

import orjson

from callboard.domain.http_exchange import (
    MAX_REDIRECTS,
    TIMEOUT_S,
    Headers,
    Request,
    header_of,
)
from callboard.domain.http_url import UrlTemplate
from callboard.domain.instant import instant_to_text
from callboard.domain.json import Json, JsonObject
from callboard.domain.run import Run
from callboard.domain.spec_http import is_header_text
from callboard.domain.template import Template, TemplateProblem, fill_json

USER_AGENT: Final = "callboard"
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that do no more when they are sent twice (RFC 9110, section 9.2.2)."""


def request_of(spec: JsonObject, run: Run, traceparent: str) -> Request:
    """The request, with every placeholder filled.

    POST when there is a body, GET otherwise, unless the spec says what. `traceparent`, and for
    methods that are not idempotent `Idempotency-Key`, are sent unless the spec has them itself: the
    key is the same for all attempts of a chain, for they are to have one effect together.

    Raises:
        TemplateProblem: naming what cannot be filled.
    """
    values = values_of(run)
    body, media_type = _body(spec, values)
    method = cast("str | None", spec.get("method")) or ("GET" if body is None else "POST")
    own = tuple(_headers(cast("JsonObject", spec.get("headers") or {}), values))
    added = [("User-Agent", USER_AGENT), ("traceparent", traceparent)]
    if media_type is not None:
        added.append(("Content-Type", media_type))
    if method not in _REPEATABLE:
        added.append(("Idempotency-Key", f"callboard-{run.trace_id}-{run.chain_id}"))
    return Request(
        method=method,
        url=_url(spec, values),
        headers=own + _missing(added, own),
        body=body,
        timeout_s=float(cast("float | None", spec.get("timeout_s")) or TIMEOUT_S),
        redirects=MAX_REDIRECTS if spec.get("follow_redirects") else 0,
    )


def values_of(run: Run) -> JsonObject:
    """What placeholders stand for."""
    return {
        "arguments": run.arguments,
        "run_id": run.id,
        "chain_id": run.chain_id,
        "job": run.job,
        "group": run.group,
        "attempt": run.attempt,
        "slot": None if run.slot is None else instant_to_text(run.slot),
        "trigger": run.trigger,
        "trace_id": run.trace_id,
    }


def _url(spec: JsonObject, values: JsonObject) -> str:
    query = fill_json(spec.get("query"), values)
    try:
        template = UrlTemplate.of(cast(str, spec["url"]))
    except TemplateProblem as problem:  # of a secret, which nobody could check before
        raise TemplateProblem(f"url: {problem}") from None
    return template.url(values, cast("Mapping[str, Json] | None", query))


def _body(spec: JsonObject, values: JsonObject) -> tuple[bytes | None, str | None]:
    if "json" in spec:
        return orjson.dumps(fill_json(spec["json"], values)), "application/json"
    body = cast("str | None", spec.get("body"))
    if body is None:
        return None, None
    return Template.of(body).text(values).encode(), "text/plain; charset=utf-8"


def _headers(headers: JsonObject, values: JsonObject) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        text = Template.of(cast(str, value)).text(values).strip()
        if not is_header_text(text):
            raise TemplateProblem(f"headers.{name}: the value would have a control character in it")
        yield name, text


def _missing(added: list[tuple[str, str]], own: Headers) -> Headers:
    return tuple((name, value) for name, value in added if header_of(own, name) is None)
