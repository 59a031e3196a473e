"""Names of jobs, triggers, groups and nodes: what is accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from callboard.errors import FieldProblem

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,254}")
DEFAULT_GROUP: Final = "default"
_FIX: Final = "use 1 to 255 letters, digits and _ . : - , the first a letter or digit"


def name_problem(name: object, field: str) -> FieldProblem | None:
    """What is wrong with a new name; None when nothing is."""
    if not isinstance(name, str):
        return FieldProblem(field, f"is a {type(name).__name__}, not a string", _FIX)
    if not name:
        return FieldProblem(field, "is empty", _FIX)
    if NAME.fullmatch(name) is None:
        return FieldProblem(field, f"{name[:80]!r} is not a name", _FIX)
    return None


def name_problems(**names: object) -> Iterator[FieldProblem]:
    """What is wrong with the names, given by field."""
    for field, name in names.items():
        problem = name_problem(name, field)
        if problem is not None:
            yield problem
