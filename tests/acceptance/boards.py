"""Boards in the test's own process, on a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from acceptance.nodes import until
from callboard import BoardConfig, Callboard, Run
from callboard.clock import SystemClock
from callboard.domain.states import LIVE
from callboard.store.contract import RunFilter, TriggerFilter
from callboard.store.dsn import open_store

DEADLINE_S: Final = 10.0
"""Of one statement."""
SHORT_DEADLINE_S: Final = 1.0
"""Where the database goes away; one that is there may take longer on a busy machine."""
CLOCK: Final = SystemClock()


@asynccontextmanager
async def real_board(
    dsn: str, *, deadline_s: float = DEADLINE_S, store: Any = None, **config: Any
) -> AsyncIterator[Callboard]:
    """An open board that looks for work often."""
    fields = {"node_name": "node", "poll_s": 0.3, "rescue_every_s": 0.3, "drain_s": 2.0, **config}
    board = Callboard(
        store=store or open_store(dsn, clock=CLOCK, deadline_s=deadline_s),
        clock=CLOCK,
        config=BoardConfig(**fields),
    )
    async with board:
        yield board


async def is_ready(board: Callboard) -> bool:
    return board.health().is_ready


async def is_away(board: Callboard) -> bool:
    return not board.health().is_store_up


async def drain(board: Callboard) -> None:
    """No trigger is active, and every run has ended."""
    for trigger in await board.list_triggers(TriggerFilter(limit=1000)):
        await board.deactivate_trigger(trigger.group, trigger.name)

    left: list[Run] = []

    async def is_empty() -> bool:
        left[:] = await board.list_runs(RunFilter(states=tuple(LIVE)))
        return not left

    try:
        await until(is_empty, "every run has ended")
    except AssertionError as error:
        error.add_note("\n".join(str(run) for run in left[:10]))
        raise
