"""A stop that is asked on one node reaches a run of another: by a hint at once, without it by the
next renewal of the lease. The leases are so long, and renewed so seldom, that a test which had to
wait for a renewal would be over before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from acceptance.boards import CLOCK, real_board
from acceptance.deaf import DeafStore
from acceptance.places import Place
from callboard import Callboard, RunState, StopMode
from callboard.batch import BatchJob, StepContext
from callboard.store.dsn import open_store

LONG_S = 600.0
SOON_S = 20.0


@dataclass
class Work:
    """Handlers that wait until they are asked to stop, in ways of their own."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def coroutine(self) -> None:
        self.begun.set()
        await asyncio.Event().wait()

    async def tasklet(self, ctx: StepContext) -> None:
        asked = asyncio.Event()
        ctx.when_stopping(asked.set)
        self.begun.set()
        await asked.wait()
        ctx.check_stop()


@asynccontextmanager
async def two_boards(
    place: Place, *, lease_s: float = LONG_S, is_deaf: bool = False
) -> AsyncIterator[tuple[Callboard, Callboard]]:
    """One that is asked, and one that executes."""

    def store() -> Any:
        plain = open_store(place.dsn, clock=CLOCK)
        return DeafStore(plain) if is_deaf else plain

    config = {"lease_s": lease_s, "poll_s": 0.3}
    async with (
        real_board("", store=store(), node_name="desk", executes=False, **config) as desk,
        real_board("", store=store(), node_name="worker", fires=False, **config) as worker,
    ):
        yield desk, worker


@pytest.mark.parametrize("mode", list(StopMode))
async def test_a_stop_of_a_run_of_another_node_does_not_wait_for_its_lease(
    postgresql: Place, mode: StopMode
) -> None:
    work = Work()
    async with two_boards(postgresql) as (desk, worker):
        await worker.define(work.coroutine, name="wait")
        run = await desk.start("wait")
        await asyncio.wait_for(work.begun.wait(), SOON_S)
        stopping = await desk.stop_run(run.id, mode=mode)
        assert (stopping.state, stopping.node) == (RunState.STOPPING, "worker")
        assert (await desk.wait_run(run.id, timeout_s=SOON_S)).state is RunState.STOPPED


async def test_a_stop_of_a_step_of_another_node_that_commits_nothing_does_not_wait_either(
    postgresql: Place,
) -> None:
    work, job = Work(), BatchJob("wait")
    job.step("only")(work.tasklet)
    async with two_boards(postgresql) as (desk, worker):
        await worker.define(job)
        run = await desk.operator.start("wait")
        await asyncio.wait_for(work.begun.wait(), SOON_S)
        await desk.operator.stop(run.id)
        assert (await desk.operator.wait(run.id, timeout_s=SOON_S)).state is RunState.STOPPED


async def test_a_second_harder_stop_is_heard_as_the_first_one_was(postgresql: Place) -> None:
    heard = asyncio.Event()
    begun = asyncio.Event()

    async def stubborn() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.set()
            await asyncio.Event().wait()

    async with two_boards(postgresql) as (desk, worker):
        await worker.define(stubborn, name="stubborn")
        run = await desk.start("stubborn")
        await asyncio.wait_for(begun.wait(), SOON_S)
        await desk.stop_run(run.id, grace_s=LONG_S)
        await asyncio.wait_for(heard.wait(), SOON_S)
        await desk.stop_run(run.id, mode=StopMode.KILL)
        assert (await desk.wait_run(run.id, timeout_s=SOON_S)).state is RunState.STOPPED


async def test_h12_a_stop_that_nobody_hints_at_comes_with_the_lease(postgresql: Place) -> None:
    work = Work()
    async with two_boards(postgresql, lease_s=2.0, is_deaf=True) as (desk, worker):
        await worker.define(work.coroutine, name="wait")
        run = await desk.start("wait")
        await asyncio.wait_for(work.begun.wait(), SOON_S)
        await desk.stop_run(run.id)
        assert (await desk.wait_run(run.id, timeout_s=SOON_S)).state is RunState.STOPPED
