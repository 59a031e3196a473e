"""What is said of one kind of problem."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemCode:
    """One kind of problem, as its page at `/problems/<code>` shows it."""

    code: str
    status: int
    title: str
    meaning: str
    remedy: str


def problem_code(status: int, code: str, title: str, meaning: str, remedy: str) -> ProblemCode:
    """One, by its fields in order."""
    return ProblemCode(code=code, status=status, title=title, meaning=meaning, remedy=remedy)
