"""The query string of a request as a wire value."""

from __future__ import annotations

from typing import Any, TypeVar, get_origin

import msgspec
from aiohttp import web

from callboard.errors import FieldProblem, InvalidInput
from callboard_service.problems import bad_query
from callboard_service.wire.fields import bare_type, fields_of, read_query

Q = TypeVar("Q", bound=msgspec.Struct)


def query_of(request: web.Request, shape: type[Q]) -> Q:
    """The parameters, each at most once unless the shape has a list there.

    Raises:
        Refusal: invalid_query, with every wrong parameter.
    """
    given = request.rel_url.query
    raw: dict[str, Any] = {}
    problems = []
    repeatable = _repeatable(shape) if given else ()
    for name in given:
        values = given.getall(name)
        if any(not _is_plain(text) for text in (name, *values)):
            shown = ascii(name)[1:-1][:80]
            problems.append(FieldProblem(shown, "holds a control character, or is not UTF-8"))
        elif name in repeatable:
            raw[name] = values
        elif len(values) > 1:
            problems.append(FieldProblem(name, "comes more than once"))
        else:
            raw[name] = values[0]
    try:
        query = read_query(raw, shape)
    except InvalidInput as error:
        raise bad_query([*dict.fromkeys(problems), *error.problems]) from None
    if problems:
        raise bad_query(dict.fromkeys(problems))
    return query


def _repeatable(shape: type[msgspec.Struct]) -> set[str]:
    fields = fields_of(shape).items()
    return {name for name, field in fields if get_origin(bare_type(field.type)) is list}


def _is_plain(text: str) -> bool:
    # Bytes that are not UTF-8 arrive as the replacement character.
    if "\ufffd" in text:
        return False
    # Names that come from elsewhere may have tabs.
    return not any(_is_control(character) for character in text if character != "\t")


def _is_control(character: str) -> bool:
    return ord(character) < 32 or ord(character) == 127
