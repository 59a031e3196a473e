"""T12, H12: without NOTIFY firing and running are exact anyway; only the waking takes a poll."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Any, cast

import pytest

from acceptance.boards import CLOCK, drain, real_board
from acceptance.deaf import DeafStore, hear_nothing
from acceptance.nodes import until
from acceptance.places import Place
from acceptance.workload import define_all
from callboard import BoardConfig, Callboard, NewRun, RunState, Trigger, every
from callboard.errors import StoreError, StoreUnavailable
from callboard.store.contract import Store
from callboard.store.dsn import open_store
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.history import Asked


async def lose_the_line() -> None:
    raise StoreUnavailable("the connection that listens is lost")


async def be_refused() -> None:
    """What a pooler says that does not know LISTEN."""
    raise StoreError("the database refused: LISTEN is not supported here")


@pytest.mark.parametrize(
    "listen",
    [hear_nothing, be_refused, pytest.param(lose_the_line, marks=pytest.mark.slow)],
)
async def test_t12_nodes_without_hints_fire_and_run_everything(
    postgresql: Place, listen: Callable[[], Any]
) -> None:
    """One node takes the orders, another fires, a third executes, and none hears of the others."""
    asked = Asked()

    def deaf() -> DeafStore:
        return DeafStore(open_store(postgresql.dsn, clock=CLOCK), listen)

    async with (
        real_board("", store=deaf(), node_name="desk", executes=False, fires=False) as desk,
        real_board("", store=deaf(), node_name="scheduler", executes=False) as scheduler,
        real_board("", store=deaf(), node_name="executor", fires=False) as executor,
    ):
        await define_all(desk, postgresql.trace)
        for number in range(1, 21):
            asked.jobs[number] = "quick"
            (run,) = await desk.start_runs([NewRun(job="quick", arguments={"ask": number})])
            asked.acknowledged[number] = run.id
        assert (await desk.wait_run(run.id, timeout_s=20)).state is RunState.SUCCEEDED

        async def have_fired() -> bool:
            return scheduler.health().slots.get("fired", 0) >= 10

        await until(have_fired, "slots are fired")
        await drain(desk)
        assert [board.health().is_ready for board in (desk, scheduler, executor)] == [True] * 3
    history = await postgresql.history()
    assert postgresql.faults(history, asked) == []


class SlowStore:
    """Lets something happen between a read of due triggers and its answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def due_triggers(
        self, until: datetime, limit: int, shards: Collection[int] | None = None
    ) -> list[Trigger]:
        read = await self._store.due_triggers(until, limit, shards)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return read


async def test_a_trigger_stored_while_the_scheduler_reads_its_window_is_not_forgotten() -> None:
    clock = VirtualClock()
    store = SlowStore(MemoryStore(clock=clock))
    board = Callboard(store=cast(Store, store), clock=clock, config=BoardConfig(poll_s=60.0))
    await board.open()
    await clock.run_until(lambda: board.health().is_ready)
    await board.define(len, name="work")
    store.meanwhile = lambda: board.schedule("each", every(seconds=1), "work")
    await clock.run_until(lambda: store.meanwhile is None)
    await clock.advance(5.5)
    assert board.health().slots == {"fired": 5}
    await board.close()
