"""Names of things: what is accepted.

New things of the native API have strict names. Those of jobs, triggers, workflows and groups may
be wider ones: what comes from other systems keeps the name that it has there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from callboard.errors import FieldProblem

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,254}")
_WIDE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]{1,255}")
DEFAULT_GROUP: Final = "default"
_WIDE_FIX: Final = "use 1 to 255 characters of one line"
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


def wide_name_problem(name: object, field: str) -> FieldProblem | None:
    """What is wrong with a name that may come from elsewhere; None when nothing is.

    Any characters but control characters, the tab allowed.
    """
    if not isinstance(name, str):
        return FieldProblem(field, f"is a {type(name).__name__}, not a string", _WIDE_FIX)
    if NAME.fullmatch(name) is None and _WIDE.fullmatch(name) is None:
        reason = "is empty" if not name else f"{name[:80]!r} is not a name"
        return FieldProblem(field, reason, _WIDE_FIX)
    return None


def wide_name_problems(**names: object) -> Iterator[FieldProblem]:
    """What is wrong with such names, given by field."""
    for field, name in names.items():
        problem = wide_name_problem(name, field)
        if problem is not None:
            yield problem
