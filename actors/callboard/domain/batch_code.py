"""Exit codes: which of two is worse, and which pattern of a flow one matches."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final, TypeGuard

from callboard.domain.batch_step import (
    COMPLETED,
    EXECUTING,
    FAILED,
    LOST,
    NOOP,
    STOPPED,
    StepState,
)

MAX_CODE: Final = 255
"""Characters of an exit code."""
_CODES: Final = (EXECUTING, COMPLETED, NOOP, STOPPED, FAILED, LOST)
_STATES: Final = MappingProxyType(
    {
        StepState.SUCCEEDED: 0,
        StepState.RUNNING: 1,
        StepState.STOPPED: 2,
        StepState.FAILED: 3,
        StepState.ABANDONED: 4,
    }
)


def is_exit_code(code: object) -> TypeGuard[str]:
    """Whether it is a text of 1 to MAX_CODE printable characters."""
    return isinstance(code, str) and 1 <= len(code) <= MAX_CODE and code.isprintable()


def severity(code: str) -> int:
    """The higher the worse: a code of the user's is above all of the engine's, one that begins as
    one of the engine's ("COMPLETED WITH SKIPS") ranks as that one."""
    ranks = [rank for rank, known in enumerate(_CODES) if code.startswith(known)]
    return ranks[0] if ranks else len(_CODES)


def worst_code(codes: Iterable[str]) -> str:
    """The most severe; of equally severe ones the last in the alphabet; COMPLETED of none."""
    return max(codes, key=lambda code: (severity(code), code), default=COMPLETED)


def badness(state: StepState, code: str) -> tuple[int, int, str]:
    """To find the worst of several ends by."""
    return (_STATES[state], severity(code), code)


def matches(pattern: str, code: str) -> bool:
    """`*` stands for any text, `?` for one character; all others for themselves."""
    parts = (_PARTS.get(each) or re.escape(each) for each in pattern)
    return re.fullmatch("".join(parts), code, re.DOTALL) is not None


_PARTS: Final = MappingProxyType({"*": ".*", "?": "."})


def specificity(pattern: str) -> tuple[int, int, int, str]:
    """To sort patterns by, the most specific first: those without wildcards, then those with `?`,
    then those with the fewest `*`, the longest first."""
    return (pattern.count("*"), pattern.count("?"), -len(pattern), pattern)
