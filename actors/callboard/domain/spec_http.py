"""What is wrong with the spec of an http job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from callboard.domain.http_status import is_status
from callboard.domain.http_url import UrlTemplate
from callboard.domain.json import MAX_DEPTH, Json, JsonObject
from callboard.domain.secret_reference import is_reference
from callboard.domain.spec_field import unknown_fields
from callboard.domain.template import Template, TemplateProblem
from callboard.errors import FieldProblem

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_TIMEOUT_S: Final = 3600.0
MAX_HEADERS: Final = 100
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_OURS: Final = frozenset(
    (
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Headers of the connection itself: with them, a request could be another one than it seems."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def http_problems(spec: JsonObject) -> Iterator[FieldProblem]:
    """May be empty."""
    yield from unknown_fields(
        spec,
        "method",
        "url",
        "headers",
        "query",
        "body",
        "json",
        "expect",
        "timeout_s",
        "follow_redirects",
        "retry_on_status",
    )
    method = spec.get("method")
    if method is not None and method not in METHODS:
        yield FieldProblem("spec.method", f"{method!r} is unknown", f"use {', '.join(METHODS)}")
    yield from _url_problems(spec.get("url"))
    yield from _headers_problems(spec.get("headers"))
    yield from _query_problems(spec.get("query"))
    yield from _body_problems(spec)
    yield from _expect_problems(spec.get("expect"))
    yield from _rest_problems(spec)


def is_header_text(text: str) -> bool:
    """Whether a header may have the value: no line ends, no control characters."""
    return _CONTROL.search(text) is None


def _url_problems(url: Json) -> Iterator[FieldProblem]:
    if is_reference(url):
        return
    if not isinstance(url, str):
        yield FieldProblem("spec.url", "is not a string", "e.g. https://shop.example/orders")
        return
    try:
        UrlTemplate.of(url)
    except TemplateProblem as problem:
        yield FieldProblem("spec.url", str(problem))


def _headers_problems(headers: Json) -> Iterator[FieldProblem]:
    if headers is None:
        return
    if not isinstance(headers, Mapping):
        yield FieldProblem("spec.headers", "is not an object", 'e.g. {"Accept": "text/csv"}')
        return
    if len(headers) > MAX_HEADERS:
        yield FieldProblem("spec.headers", f"has more than {MAX_HEADERS} entries")
    for name, value in headers.items():
        field = f"spec.headers.{name}"
        if _TOKEN.fullmatch(name) is None:
            yield FieldProblem(field, "is not the name of a header")
        elif name.lower() in _OURS:
            yield FieldProblem(field, "belongs to the connection, which is not the job's")
        yield from _text_problems(value, field)
        if isinstance(value, str) and not is_header_text(value):
            yield FieldProblem(field, "contains a line end or another control character")


def _query_problems(query: Json) -> Iterator[FieldProblem]:
    if query is None:
        return
    if not isinstance(query, Mapping):
        yield FieldProblem("spec.query", "is not an object", 'e.g. {"page": 1}')
        return
    for name, value in query.items():
        field = f"spec.query.{name}"
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, str):
                yield from _text_problems(each, field)
            elif isinstance(each, Mapping | list | tuple) and not is_reference(each):
                yield FieldProblem(field, "is neither a text, a number, true, false nor a list")


def _body_problems(spec: JsonObject) -> Iterator[FieldProblem]:
    if spec.get("body") is not None and "json" in spec:
        yield FieldProblem("spec", "has both body and json", "leave one of them out")
    if spec.get("body") is not None:
        yield from _text_problems(spec["body"], "spec.body")
    yield from _json_problems(spec.get("json"), "spec.json")


def _json_problems(value: Json, field: str, depth: int = 0) -> Iterator[FieldProblem]:
    if depth > MAX_DEPTH:
        return  # the check of the spec as a whole says so
    if isinstance(value, str):
        yield from _text_problems(value, field)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _json_problems(item, f"{field}.{name}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _json_problems(item, f"{field}[{index}]", depth + 1)


def _text_problems(value: Json, field: str) -> Iterator[FieldProblem]:
    if is_reference(value):
        return
    if not isinstance(value, str):
        yield FieldProblem(field, "is not a string")
        return
    try:
        Template.of(value)
    except TemplateProblem as problem:
        yield FieldProblem(field, str(problem))


def _expect_problems(expect: Json) -> Iterator[FieldProblem]:
    if expect is None:
        return
    if not isinstance(expect, Mapping):
        yield FieldProblem("spec.expect", "is not an object", 'e.g. {"status": [200, "2xx"]}')
        return
    for name in set(expect) - {"status", "contains"}:
        yield FieldProblem(f"spec.expect.{name}", "is not a field", "known: status, contains")
    yield from _status_problems(expect.get("status"), "spec.expect.status", least=1)
    contains = expect.get("contains")
    if contains is not None and (not isinstance(contains, str) or not contains):
        yield FieldProblem("spec.expect.contains", "is not a text that a body may contain")


def _rest_problems(spec: JsonObject) -> Iterator[FieldProblem]:
    yield from _status_problems(spec.get("retry_on_status"), "spec.retry_on_status", least=0)
    follow = spec.get("follow_redirects")
    if follow is not None and not isinstance(follow, bool):
        yield FieldProblem("spec.follow_redirects", "is neither true nor false")
    timeout_s = spec.get("timeout_s")
    if timeout_s is not None and not (
        isinstance(timeout_s, int | float)
        and not isinstance(timeout_s, bool)
        and 0 < timeout_s <= MAX_TIMEOUT_S
    ):
        reason = f"is not more than 0 and at most {MAX_TIMEOUT_S:g} seconds"
        yield FieldProblem("spec.timeout_s", reason)


def _status_problems(value: Json, field: str, *, least: int) -> Iterator[FieldProblem]:
    if value is None:
        return
    if (
        not isinstance(value, list | tuple)
        or not least <= len(value) <= 100
        or not all(map(is_status, value))
    ):
        yield FieldProblem(field, "is not a list of statuses", 'e.g. [200, "3xx"]')
