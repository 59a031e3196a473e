"""Changes of many triggers that wait for the lock of one which is changed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import pytest

from acceptance.boards import real_board
from acceptance.nodes import until
from acceptance.places import Place
from acceptance.workload import jobs
from callboard import Action, Callboard, Trigger, TriggerState, every
from callboard.store.contract import TriggerFilter

R = TypeVar("R")

CHANGE = "update callboard.trigger set state = $1, next_slot = null where name = 'b'"
WAITING = (
    "select count(*) from pg_stat_activity"
    " where wait_event_type = 'Lock' and datname = current_database()"
)


@pytest.fixture
async def board(postgresql: Place) -> AsyncIterator[Callboard]:
    """A board that neither fires nor executes, with the active triggers a, b and c."""
    async with real_board(
        postgresql.dsn, deadline_s=10.0, executes=False, fires=False, rescue_every_s=60.0
    ) as board:
        await board.replace_job(jobs(postgresql.trace)[0])
        for name in "abc":
            actions = (Action(job="quick"),)
            await board.create_trigger(Trigger(name=name, schedule=every(hours=1), actions=actions))
        yield board


@asynccontextmanager
async def holding(place: Place, state: str) -> AsyncIterator[None]:
    """Somebody who has given b another state, and commits that at the end."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(place.dsn)
    try:
        async with connection.transaction():
            await connection.execute(CHANGE, state)
            yield
    finally:
        await connection.close()


async def while_held(place: Place, state: str, work: Coroutine[Any, Any, R]) -> R:
    """The result of `work`, which has to wait for b until that has the state."""

    async def is_waiting() -> bool:
        return bool(await place.value(WAITING))

    async with asyncio.TaskGroup() as group:
        async with holding(place, state):
            task = group.create_task(work)
            await until(is_waiting, "the lock is waited for")
    return task.result()


async def states(board: Callboard) -> list[TriggerState]:
    return [each.state for each in await board.list_triggers(TriggerFilter())]


async def test_resuming_all_passes_over_one_that_is_resumed_meanwhile(
    postgresql: Place, board: Callboard
) -> None:
    await board.pause_triggers(TriggerFilter())
    done = await while_held(postgresql, "active", board.resume_triggers(TriggerFilter()))
    assert (done.matched, done.changed) == (3, 2)
    assert await states(board) == [TriggerState.ACTIVE] * 3


async def test_pausing_all_passes_over_one_that_is_turned_off_meanwhile(
    postgresql: Place, board: Callboard
) -> None:
    done = await while_held(postgresql, "inactive", board.pause_triggers(TriggerFilter()))
    assert (done.matched, done.changed) == (3, 2)
    paused = TriggerState.PAUSED
    assert await states(board) == [paused, TriggerState.INACTIVE, paused]
