"""What the specs of all kinds of jobs have in common."""

from __future__ import annotations

from collections.abc import Iterator

from callboard.domain.json import JsonObject
from callboard.errors import FieldProblem


def unknown_fields(spec: JsonObject, *known: str) -> Iterator[FieldProblem]:
    """A problem for each field that the kind does not have."""
    for key in spec:
        if key not in known:
            yield FieldProblem(f"spec.{key}", "is not a field", f"known: {', '.join(known)}")
