"""Retry: which errors of a read, a process or a write are tried again, how often and how soon.

Each call has its own attempts. A stop cuts a wait short: the chunk is given up, and read again by
the restart.
"""

from __future__ import annotations

import math
import re
from random import Random  # noqa: TID251 - the type only; the caller brings the generator
from typing import Final

from callboard.batch.skipping import causes_of, check_types, is_ordinary
from callboard.domain.job import Jitter, RetryPolicy
from callboard.domain.retry import retry_delay_s
from callboard.errors import InvalidInput, invalid

ATTEMPTS: Final = 3
MOST_ATTEMPTS: Final = 1000
LONGEST_S: Final = 3600.0

_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_EXPONENTIAL: Final = re.compile(rf"exp:({_NUMBER})\.\.({_NUMBER})")
_FIXED: Final = re.compile(rf"fixed:({_NUMBER})")
_FIX: Final = "write 'none', 'fixed:0.5' or 'exp:0.1..5' (seconds: the first, and the longest)"


class Retry:
    """The errors that are tried again, by their types; none named: all ordinary exceptions.

    An error counts, too, when the one that it was raised from is of these types. Errors of the
    engine, of the store and of the interpreter never do.
    """

    __slots__ = ("attempts", "backoff", "types")

    def __init__(
        self,
        *types: type[Exception],
        attempts: int = ATTEMPTS,
        backoff: str = "exp:0.1..5",
        jitter: bool = True,
    ) -> None:
        """Args:
        attempts: calls in all, the first included.
        backoff: how long to wait: `none`, `fixed:0.5`, or `exp:0.1..5`: twice as long each time.
        jitter: wait anywhere between nothing and that long.
        """
        check_types(types, "retry.types")
        if type(attempts) is not int or not 1 <= attempts <= MOST_ATTEMPTS:
            reason = f"is {attempts!r}, outside 1 to {MOST_ATTEMPTS}"
            raise invalid("retry.attempts", reason, "count the first call, too")
        self.types = types
        self.attempts = attempts
        self.backoff = parse_backoff(backoff, attempts=attempts, jitter=jitter)

    def __repr__(self) -> str:
        names = "".join(f"{kind.__qualname__}, " for kind in self.types)
        return f"Retry({names}attempts={self.attempts})"

    def delay_s(self, error: BaseException, attempt: int, rng: Random) -> float | None:
        """Seconds until the call after number `attempt`, which failed so; None: there is none."""
        if not self.covers(error):
            return None
        return retry_delay_s(self.backoff, attempt, rng)

    def covers(self, error: BaseException) -> bool:
        if not is_ordinary(error):
            return False
        return not self.types or any(isinstance(each, self.types) for each in causes_of(error))


def parse_backoff(text: str, *, attempts: int, jitter: bool = True) -> RetryPolicy:
    """The policy that `none`, `fixed:SECONDS` or `exp:FIRST..LONGEST` stands for.

    Raises:
        InvalidInput: with what is wrong in it.
    """
    first, longest, factor = _parts(text)
    if not (math.isfinite(first) and math.isfinite(longest) and longest <= LONGEST_S):
        raise _bad(f"is {text!r}: no wait is longer than {LONGEST_S:g} seconds")
    if first > longest:
        raise _bad(f"is {text!r}: the first wait is longer than the longest")
    if factor > 1 and first <= 0:
        raise _bad(f"is {text!r}: twice nothing is nothing")
    return RetryPolicy(
        max_attempts=attempts,
        initial_s=first,
        factor=factor,
        max_s=longest,
        jitter=Jitter.FULL if jitter else Jitter.NONE,
    )


def _parts(text: object) -> tuple[float, float, float]:
    if text == "none":
        return 0.0, 0.0, 1.0
    if isinstance(text, str):
        if found := _FIXED.fullmatch(text):
            return float(found[1]), float(found[1]), 1.0
        if found := _EXPONENTIAL.fullmatch(text):
            return float(found[1]), float(found[2]), 2.0
    raise _bad(f"is {text!r}, which is no backoff")


def _bad(reason: str) -> InvalidInput:
    return invalid("retry.backoff", reason, _FIX)
