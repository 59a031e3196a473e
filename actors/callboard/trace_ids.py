"""TraceIds: random numbers of traces, many from one draw."""

from __future__ import annotations

from random import Random  # noqa: TID251 - the type of what is given
from typing import Final

DRAW: Final = 4096
"""Bytes that are asked of the generator at once: asking the system for them is what costs."""
DIGITS: Final = 32
_NONE: Final = "0" * DIGITS
"""What the W3C's trace context takes for no trace."""


class TraceIds:
    """Gives one trace id after the other, 32 lower-case hex digits."""

    __slots__ = ("_at", "_digits", "_rng")

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._digits = ""
        self._at = 0

    def __call__(self) -> str:
        at = self._at
        if at == len(self._digits):
            self._digits = self._rng.randbytes(DRAW).hex()
            at = 0
        self._at = at + DIGITS
        trace_id = self._digits[at : at + DIGITS]
        return trace_id if trace_id != _NONE else self()
