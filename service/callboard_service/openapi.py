"""The OpenAPI 3.1 document, from the wire types and the route table."""

from __future__ import annotations

import http
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from callboard_service.call import JSON_TYPE, Route
from callboard_service.problem_codes import PROBLEM_CODES
from callboard_service.problems import CONTENT_TYPE as PROBLEM_TYPE
from callboard_service.problems import Problem
from callboard_service.wire.schedules import SCHEDULES

REF: Final = "#/components/schemas/{name}"
EVERYWHERE: Final = (
    "unauthorized",
    "foreign_origin",
    "foreign_host",
    "invalid_query",
    "malformed_request",
    "internal_error",
    "overloaded",
    "store_unavailable",
)
"""Codes that any route may answer."""
WITH_BODY: Final = ("malformed_json", "too_large", "unsupported_media_type")
WITH_KEY: Final = ("idempotency_key_reused", "request_in_progress", "invalid_header")
MERGE_PATCH_TYPE: Final = "application/merge-patch+json"
_IN_PATH: Final = re.compile(r"{(\w+)}")
_DESCRIPTION: Final = (
    "Callboard's own API. Instants are RFC 3339 in UTC, durations numbers of seconds. Problems are "
    "`application/problem+json` with a stable `code`; every wrong field is listed in `errors`. "
    "Lists are cut in pages by opaque cursors. A POST with an `Idempotency-Key` is done once in 24 "
    "hours. `If-Match` takes the `ETag` of a single resource."
)
_ID: Final = {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 255}


def openapi_document(routes: Sequence[Route[Any]], version: str) -> dict[str, Any]:
    """The document for all routes."""
    types = list(_types_of(routes))
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    schema_of = {_key(each): schema for each, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Callboard",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "needed where the service was started with CALLBOARD_TOKEN",
                }
            },
        },
    }


def codes_of(route: Route[Any]) -> list[str]:
    """The codes of the problems that a route may answer."""
    found = [*route.problems, *EVERYWHERE]
    if route.body is not None:
        found += WITH_BODY
    if route.method == "POST":
        found += WITH_KEY
    if route.is_open:
        found.remove("unauthorized")
    return sorted(set(found), key=lambda code: (PROBLEM_CODES[code].status, code))


def _types_of(routes: Sequence[Route[Any]]) -> Iterator[Any]:
    yield Problem
    yield from SCHEDULES
    for route in routes:
        if route.body is not None:
            yield route.body
        yield from (answer for answer in route.answers.values() if answer is not None)
        yield from (field.type for field in msgspec.structs.fields(route.query))


def _key(kind: Any) -> str:
    return repr(kind)


def _body_schema(route: Route[Any], schema_of: dict[str, Any]) -> dict[str, Any]:
    """The schema of a body; a PUT may leave out what its path says."""
    schema: dict[str, Any] = schema_of[_key(route.body)]
    if route.method != "PUT":
        return schema
    whole = msgspec.json.schema_components([route.body], ref_template=REF)[1]
    named = dict(whole[route.body.__name__])
    named["required"] = [name for name in named["required"] if name != "name"]
    return named


def _operation(route: Route[Any], schema_of: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [_tag(route.path)],
        "parameters": [*_parameters(route, schema_of)],
        "responses": dict((*_answers(route, schema_of), *_problems(route, schema_of))),
    }
    if route.about:
        operation["description"] = "\n".join(f"- {statement}" for statement in route.about)
    if route.is_open:
        operation["security"] = []
    if route.body is not None:
        schema = _body_schema(route, schema_of)
        media = MERGE_PATCH_TYPE if route.method == "PATCH" else JSON_TYPE
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {each: {"schema": schema} for each in dict.fromkeys((media, JSON_TYPE))},
        }
    return operation


def _parameters(route: Route[Any], schema_of: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _IN_PATH.findall(route.path):
        schema = _ID if name == "id" else _NAME
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for field in msgspec.structs.fields(route.query):
        schema = dict(schema_of[_key(field.type)])
        parameter: dict[str, Any] = {
            "name": field.encode_name,
            "in": "query",
            "required": field.required,
            "schema": _without_null(schema),
        }
        if "description" in schema:
            parameter["description"] = schema["description"]
        if not field.required and field.default not in (None, msgspec.NODEFAULT):
            parameter["schema"] = {**parameter["schema"], "default": field.default}
        yield parameter
    yield from _headers(route)


def _headers(route: Route[Any]) -> Iterator[dict[str, Any]]:
    if "stale_version" in route.problems:
        yield _header("If-Match", "the ETag that the thing must still have, or `*`")
    if route.method == "POST":
        yield _header("Idempotency-Key", "the same key again: the same answer, nothing is done")


def _header(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 255}
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _answers(route: Route[Any], schema_of: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for status, kind in route.answers.items():
        answer: dict[str, Any] = {"description": http.HTTPStatus(status).phrase}
        if kind is not None:
            answer["content"] = {
                route.media: {"schema": schema_of[_key(kind)]},
                **{media: {"schema": {"type": "string"}} for media in route.also},
            }
        yield str(status), answer


def _problems(route: Route[Any], schema_of: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    by_status: dict[int, list[str]] = {}
    for code in codes_of(route):
        by_status.setdefault(PROBLEM_CODES[code].status, []).append(code)
    for status, codes in by_status.items():
        yield (
            str(status),
            {
                "description": ", ".join(codes),
                "content": {PROBLEM_TYPE: {"schema": schema_of[_key(Problem)]}},
            },
        )


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out rather than null."""
    rest = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    plain = {k: v for k, v in schema.items() if k not in ("anyOf", "default", "description")}
    if not rest:
        return plain
    return {**plain, **rest[0]} if len(rest) == 1 else {**plain, "anyOf": rest}


def _tag(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if parts[0] == "v1" else "service"
