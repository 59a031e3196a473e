"""The history's parts: a range of run ids each, made ahead, and dropped when all of it is old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PARTS: Final = 10
"""So many parts make up the time that history is kept, where there is much of it."""
LEAST_IDS: Final = 10_000_000
"""In a part: fewer runs are removed one by one as cheaply."""
MOST_IDS: Final = 10_000_000_000
AHEAD_S: Final = 1800.0
"""Room is made for so many seconds to come, at the present pace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A part of the history: runs with ids from `from_id` to below `until_id`."""

    name: str
    from_id: int
    until_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How far the ids of runs have come, and how fast they go."""

    last_id: int
    """About the highest that was handed out."""
    ids_per_s: float


def ids_ahead(pace: Pace, made_until: int, keep_s: float | None) -> tuple[int, int] | None:
    """The next part to be made, [from, until); None: there is room enough.

    Args:
        made_until: the end of the last part that there is.
        keep_s: how long history is kept; None: for ever, in parts of three days.
    """
    left = made_until - pace.last_id
    if left >= max(LEAST_IDS / 2, pace.ids_per_s * AHEAD_S):
        return None
    share_s = 3 * 24 * 3600.0 if keep_s is None else keep_s / PARTS
    size = round(min(MOST_IDS, max(LEAST_IDS, pace.ids_per_s * share_s)))
    return made_until, made_until + size
