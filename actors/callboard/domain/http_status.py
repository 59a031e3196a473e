"""Statuses of HTTP answers: which are expected, which are worth another attempt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from callboard.domain.json import Json

EXPECTED: Final = ("2xx",)
RETRIED: Final = (429, 503)
_CLASS: Final = re.compile(r"[1-5]xx")
_PASSING: Final = frozenset({408, 425, 429})
"""Of 400 to 499, those that may be another one at the next attempt."""


def is_status(value: Json) -> bool:
    """Whether it is a status, 100 to 599, or a class of them, `2xx`."""
    if isinstance(value, str):
        return _CLASS.fullmatch(value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599


def is_among(status: int, wanted: Sequence[Json]) -> bool:
    """Whether a status is one of those, or of their classes."""
    return status in wanted or f"{status // 100}xx" in wanted


def retry_word(status: int, retried: Sequence[Json]) -> bool | None:
    """Whether a run that failed by this status is worth another attempt.

    True: the job says so. False: the same request will get the same answer, as most of 4xx and all
    redirects that are not followed. None: the retry policy decides.
    """
    if is_among(status, retried):
        return True
    return None if status >= 500 or status in _PASSING else False
