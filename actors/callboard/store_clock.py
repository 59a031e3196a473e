"""A reading of the store's clock, through the job store."""

from __future__ import annotations

from typing import Any, Final

import pykka

from callboard.clock import Clock
from callboard.commands import ReadClock
from callboard.domain.timeline import Timeline, timeline_of
from callboard.runtime import ask

ANSWER_S: Final = 5.0


async def read_store_clock(job_store: pykka.ActorRef[Any], clock: Clock) -> Timeline:
    """Where the store's clock stands, as exactly as one answer tells.

    A read is not behind other changes' commit, so its bounds are tighter than a transaction's.

    Raises:
        StoreUnavailable, or another CallboardError of `ask`.
    """
    asked_at = clock.monotonic()
    shown = await ask(job_store, ReadClock(), timeout=ANSWER_S)
    return timeline_of(shown, asked_at=asked_at, answered_at=clock.monotonic())
