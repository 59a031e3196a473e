"""When a run that its node did not survive is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

MOST_S: Final = 64
"""Seconds over which runs are spread at the most."""


def recovers_at(run_id: int, crashes: int, due_at: datetime, now: datetime) -> datetime:
    """The due time after so many crashes: at once after the first, then later, each run by itself.

    All runs of a dead node are queued again in one moment, and a node that takes them all would
    have the one that kills nodes beside the same neighbours again: each crash would count for all
    of them. Spread over 2^crashes seconds, by a hash of the run's id, they part.
    """
    if crashes < 2:
        return due_at
    width_us = min(MOST_S, 2**crashes) * 1_000_000
    digest = blake2b(f"{run_id} {crashes}".encode(), digest_size=8).digest()
    return now + timedelta(microseconds=int.from_bytes(digest) % width_us)
