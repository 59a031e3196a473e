"""What is wrong with the spec of an http job."""

from __future__ import annotations

from collections.abc import Iterator

from callboard.domain.json import JsonObject
from callboard.domain.spec_field import unknown_fields
from callboard.errors import FieldProblem


def http_problems(spec: JsonObject) -> Iterator[FieldProblem]:
    """May be empty."""
    yield from unknown_fields(spec, "method", "url", "headers", "body", "expect")
