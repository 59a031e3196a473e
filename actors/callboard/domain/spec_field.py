"""What the specs of all kinds of jobs have in common."""

from __future__ import annotations

from collections.abc import Iterator

from callboard.domain.json import JsonObject
from callboard.domain.secret_reference import is_reference
from callboard.errors import FieldProblem


def unknown_fields(spec: JsonObject, *known: str, prefix: str = "spec") -> Iterator[FieldProblem]:
    """A problem for each field that the kind does not have."""
    for key in spec:
        if key not in known:
            yield FieldProblem(f"{prefix}.{key}", "is not a field", f"known: {', '.join(known)}")


def is_text(value: object) -> bool:
    """Whether it is a string, or a reference to a secret, which is one when a run needs it."""
    return isinstance(value, str) or is_reference(value)
