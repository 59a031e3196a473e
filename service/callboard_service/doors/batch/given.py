"""The parameters that a request gives: in its query, and in its body.

| body | form |
| --- | --- |
| none | those of the query alone |
| application/json | `{"parameters": {"n": 5, "day": {"value": "2026-01-05", "type": ...}}}` |
| application/x-www-form-urlencoded | `n=5&day=2026-01-05`, like the query |
| text/plain, text/properties | lines `n=5`, see notation.py |

Texts become what the declared type of their parameter makes of them. The checks of the values are
the library's, at the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from callboard.domain.batch_parameter import ParameterRule
from callboard.domain.batch_value import ParameterType
from callboard.errors import FieldProblem, InvalidInput
from callboard_service.body import JSON
from callboard_service.doors.batch.notation import parameter_of_text, value_of_words
from callboard_service.doors.batch.properties import read_properties
from callboard_service.doors.batch.words import type_of_class
from callboard_service.problems import Refusal
from callboard_service.wire.text import parse_json

FORM: Final = "application/x-www-form-urlencoded"
TEXTS: Final = ("text/plain", "text/properties")
PREFIX: Final = "parameters"
MOST: Final = 1000
"""Parameters of a request."""
_TYPED: Final = frozenset({"value", "type", "identifying"})
_FLAGS: Final[Mapping[object, bool]] = {"true": True, "false": False}


def given_parameters(
    request: web.Request, data: bytes, rules: tuple[ParameterRule, ...] | None
) -> dict[str, Any]:
    """The values by name, as a start takes them.

    Args:
        rules: what the job declares; None: nothing.
    Raises:
        Refusal: unsupported_media_type, invalid_query, malformed_request.
        MalformedJson: the body is none.
        InvalidInput: its form is wrong; or a parameter comes more than once.
    """
    types = {rule.name: rule.type for rule in rules or ()}
    pairs = [
        parameter_of_text(name, text, types)
        for name, text in (*_of_query(request), *_texts_of(request, data))
    ]
    pairs += _of_json(request, data, types)
    if len(pairs) > MOST:
        raise InvalidInput(FieldProblem(PREFIX, f"has more than {MOST} parameters"))
    found: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for name, value in pairs:
        if name in found:
            problems.append(FieldProblem(_field(name), "comes more than once", "give it once"))
        found[name] = value
    if problems:
        raise InvalidInput(*dict.fromkeys(problems))
    return found


def _of_query(request: web.Request) -> Iterable[tuple[str, str]]:
    return _checked(request.rel_url.query.items())


def _texts_of(request: web.Request, data: bytes) -> Iterable[tuple[str, str]]:
    if not data or request.content_type == JSON:
        return ()
    if request.content_type == FORM and "Content-Type" in request.headers:
        return _checked(_form_of(_decoded(request, data)))
    if request.content_type in TEXTS:
        return _checked(read_properties(_decoded(request, data)))
    given = request.headers.get("Content-Type", "none")
    taken = ", ".join((JSON, FORM, *TEXTS))
    detail = f"the content type is {given[:80]}, not one of {taken}"
    raise Refusal("unsupported_media_type", detail, headers={"Accept": taken})


def _form_of(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST)
    except ValueError as error:
        raise Refusal("malformed_request", f"the form cannot be read: {error}") from None


def _decoded(request: web.Request, data: bytes) -> str:
    charset = (request.charset or "utf-8").lower().replace("_", "-")
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise Refusal("unsupported_media_type", f"the charset is {charset[:40]!a}, not utf-8")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Refusal("malformed_request", f"the body is not UTF-8: {error.reason}") from None


def _checked(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Raises InvalidInput: bytes that are not UTF-8 have arrived as the replacement character."""
    found = list(pairs)
    problems = [
        FieldProblem(_field(name), "is not UTF-8", "encode it in UTF-8")
        for name, text in found
        if "\ufffd" in name or "\ufffd" in text
    ]
    if problems:
        raise InvalidInput(*dict.fromkeys(problems))
    return found


def _of_json(
    request: web.Request, data: bytes, types: Mapping[str, ParameterType]
) -> list[tuple[str, Any]]:
    if not data or request.content_type != JSON:
        return []
    body = parse_json(data)
    if not isinstance(body, dict):
        raise InvalidInput(FieldProblem("", "is not an object", 'e.g. {"parameters": {}}'))
    problems = [
        FieldProblem(_shown(name), "is not a field", f'put it below "{PREFIX}"')
        for name in body
        if name != PREFIX
    ]
    given = body.get(PREFIX)
    if not isinstance(given, dict | None):
        problems.append(FieldProblem(PREFIX, "is not an object", 'e.g. {"n": 5}'))
    if problems:
        raise InvalidInput(*problems)
    return [(name, _value_of(value, types.get(name))) for name, value in (given or {}).items()]


def _value_of(value: Any, declared: ParameterType | None) -> Any:
    """A value of JSON; texts where another type is due are read as such."""
    if isinstance(value, dict) and "value" in value and value.keys() <= _TYPED:
        return _typed(value, declared)
    if isinstance(value, str) and declared is not None:
        return value_of_words(declared, value)
    return value


def _typed(said: Mapping[str, Any], declared: ParameterType | None) -> dict[str, Any]:
    """With Callboard's word for the type; a type that is not known stays, and is refused."""
    found = dict(said)
    kind = type_of_class(said.get("type"))
    if kind is not None:
        found["type"] = kind.value
    wanted = kind or declared
    if isinstance(said["value"], str) and wanted is not None:
        found["value"] = value_of_words(wanted, said["value"])
    if isinstance(flag := said.get("identifying"), str):
        found["identifying"] = _FLAGS.get(flag.lower(), flag)
    return found


def _field(name: str) -> str:
    return f"{PREFIX}.{_shown(name)}"


def _shown(name: str) -> str:
    return name if name.isprintable() and len(name) <= 80 else ascii(name)[1:81]
