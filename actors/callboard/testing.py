"""For tests: time that is moved by hand, and boards in memory. What Callboard's own tests use, too.

async with virtual_board() as (board, clock):
    await board.define(load)
    await board.schedule("nightly", cron("0 2 * * *"), load)
    await clock.advance(7 * 24 * 3600)
    assert (await board.get_trigger("default", "nightly")).firings == 7
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from random import Random  # noqa: TID251 - seeded: it gives the same each time
from typing import Final

from callboard.board import Callboard
from callboard.config import BoardConfig
from callboard.virtual_clock import START, VirtualClock

__all__ = ["ALONE", "CALM", "VirtualClock", "virtual_board"]

HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S

CALM: Final = BoardConfig(
    node_name="virtual",
    drain_s=0.0,
    lease_s=4 * HOUR_S,
    firing_lease_s=4 * HOUR_S,
    poll_s=HOUR_S,
    rescue_every_s=HOUR_S,
    prune_every_s=24 * HOUR_S,
    horizon_s=2 * HOUR_S,
    keep_runs_s=None,
    keep_ledger_s=None,
    keep_events_s=None,
)
"""Beats so rare that simulated months cost seconds; nothing is pruned."""

ALONE: Final = replace(
    CALM,
    lease_s=40 * DAY_S,
    firing_lease_s=40 * DAY_S,
    poll_s=10 * DAY_S,
    rescue_every_s=10 * DAY_S,
    prune_every_s=10 * DAY_S,
    horizon_s=20 * DAY_S,
)
"""For a store without other nodes: who does everything itself has nothing to look for."""


@asynccontextmanager
async def virtual_board(
    *, start: datetime = START, config: BoardConfig = ALONE, seed: int = 0
) -> AsyncIterator[tuple[Callboard, VirtualClock]]:
    """A ready board on the memory store and its clock; closed at the end.

    Time stands still but for `clock.advance` and its kind, also while handlers run in threads or
    processes. The same seed and the same calls give the same runs.

    Args:
        start: the clock's first instant.
        config: ALONE, or what is to be tested.
        seed: of delays with jitter and of trace ids.
    """
    clock = VirtualClock(start)
    board = Callboard("memory:", config=config, clock=clock, rng=Random(seed))
    await board.open()
    try:
        await clock.run_until(lambda: board.health().is_ready)
        yield board, clock
    finally:
        await board.close()
