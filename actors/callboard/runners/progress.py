"""Progress: how far a run says that it is, as the plain JSON that is kept of it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final

from callboard.domain.json import JsonObject
from callboard.errors import FieldProblem, InvalidInput
from callboard.runners.text import to_storable

MAX_NUMBER: Final = 2**53
MAX_NOTE: Final = 200
"""Characters of a note; a longer one is cut."""


def checked(
    done: float, total: float | None = None, note: str | None = None
) -> tuple[float, float | None, str | None]:
    """The three as they are kept: plain numbers, a note of bounded length.

    `done` may pass `total`: estimates are wrong sometimes.

    Raises:
        InvalidInput: for what is not a finite number from 0 to 2**53.
    """
    problems = [_problem(done, "done")]
    if total is not None:
        problems.append(_problem(total, "total"))
    if note is not None and not isinstance(note, str):
        problems.append(FieldProblem("note", f"is a {type(note).__name__}, not a text"))
    if found := [problem for problem in problems if problem is not None]:
        raise InvalidInput(*found)
    return _plain(done), None if total is None else _plain(total), _bounded(note)


def progress_value(done: float, total: float | None, note: str | None, at: datetime) -> JsonObject:
    """What is stored of checked numbers."""
    return {"done": done, "total": total, "note": note, "at": at.isoformat()}


def _problem(value: Any, field: str) -> FieldProblem | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return FieldProblem(field, f"is a {type(value).__name__}, not a number")
    if not math.isfinite(value) or not 0 <= value <= MAX_NUMBER:
        return FieldProblem(field, "is outside 0 to 2**53", "count in larger units")
    return None


def _plain(number: float) -> float:
    return int.__int__(number) if isinstance(number, int) else float.__float__(number)


def _bounded(note: str | None) -> str | None:
    if note is None:
        return None
    note = to_storable(str.__str__(note)[: MAX_NOTE + 1])
    return note if len(note) <= MAX_NOTE else note[: MAX_NOTE - 3] + "..."
