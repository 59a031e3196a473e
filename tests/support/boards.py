"""What tests ask of boards on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from callboard import Callboard, Run
from callboard.store.contract import RunFilter
from callboard.testing import VirtualClock

T = TypeVar("T")


async def meanwhile(clock: VirtualClock, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, with the clock moved on as far as it takes."""
    task = asyncio.create_task(work)
    try:
        await clock.run_until(task.done)
    finally:
        task.cancel()
    return await task


async def all_runs(board: Callboard, **filter: Any) -> list[Run]:
    """Runs, oldest first."""
    return (await board.list_runs(RunFilter(limit=1000, **filter)))[::-1]


async def answered(work: Awaitable[Any]) -> Any:
    """The result, or the exception as a value."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - which one is the test's question
        return error


async def die(board: Callboard, clock: VirtualClock) -> None:
    """As after SIGKILL: nothing of the board is told to the store any more."""
    for name in ("executor", "registrar", "rescuer", "leader", "scheduler", "evaluator"):
        actor = board._actors[name]._actor_weakref()
        if actor is None:  # it had died before, and is collected
            continue
        actor.timers.cancel_all()
        actor._life.kill()
    board._actors["job_store"]._actor_weakref()._is_open = False
    await clock.settle()
