"""A run that only waits for a run of another job lends its place on the node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from callboard import BoardConfig, Callboard, Run
from callboard.batch import BatchJob, Flow, JobStep, Partition, StepContext, split
from callboard.domain.batch_step import StepState
from callboard.domain.run import StopMode
from callboard.domain.states import RunState
from callboard.runners.handlers import HandlerRegistry
from callboard.store.memory import MemoryStore
from callboard.testing import CALM, VirtualClock
from support.batch_boards import exit_code, log_of, over, steps_of
from support.boards import all_runs, die

ALONE = replace(CALM, capacity=1, poll_s=5.0)


class Company:
    """Jobs whose work waits until the test lets it go, or does not; and what they are at."""

    def __init__(self) -> None:
        self.handlers = HandlerRegistry()
        self.jobs: list[BatchJob] = []
        self.working: list[str] = []
        """Names of the jobs whose work is under way."""
        self.begun: list[str] = []
        self.most = 0
        self.gates: dict[str, asyncio.Event] = {}

    def job(self, name: str, *steps: str | JobStep, waits: bool = False, **fields: Any) -> BatchJob:
        """A job of these steps: a text is one that works."""
        job = BatchJob(name, **fields)
        for step in steps or ("work",):
            if isinstance(step, JobStep):
                job.add(step)
            else:
                job.step(step)(self._work(f"{name}.{step}", waits=waits))
        self.jobs.append(job)
        return job

    def _work(self, name: str, *, waits: bool) -> Callable[[StepContext], Any]:
        if waits:
            self.gates[name] = asyncio.Event()

        async def work(ctx: StepContext) -> None:
            self.begun.append(name)
            self.working.append(name)
            self.most = max(self.most, len(self.working))
            ctx.when_stopping(self.gates.get(name, asyncio.Event()).set)
            try:
                if waits:
                    await self.gates[name].wait()
                else:
                    await ctx.clock.sleep_until(ctx.clock.monotonic() + 3.0)
                ctx.check_stop()
            finally:
                self.working.remove(name)

        return work


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def store(clock: VirtualClock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def company() -> Company:
    return Company()


@asynccontextmanager
async def a_node(
    store: MemoryStore, clock: VirtualClock, company: Company, **config: Any
) -> AsyncIterator[Callboard]:
    config = {"node_name": "node-1", **config}
    board = Callboard(
        store=store,
        config=replace(ALONE, **config),
        clock=clock,
        rng=Random(1),
        handlers=company.handlers,
    )
    await board.open()
    try:
        await clock.run_until(lambda: board.health().is_ready)
        for job in company.jobs:
            await board.define(job)
        yield board
    finally:
        await board.close()


@pytest.fixture
async def nested(company: Company) -> Company:
    """`parent` runs `child`, whose work waits for the test."""
    child = company.job("child", waits=True)
    company.job("parent", JobStep("inner", job=child), "after")
    return company


async def plain() -> None:
    pass


async def ended(board: Callboard, clock: VirtualClock, run: Run) -> Run:
    """The run at its end, or parked; not long from now."""
    return await _soon(clock, board.operator.wait(run.id))


async def _soon(clock: VirtualClock, work: Coroutine[Any, Any, Run]) -> Run:
    task = asyncio.create_task(work)
    try:
        await clock.run_until(task.done, within=timedelta(minutes=5))
    finally:
        task.cancel()
    return await task


async def states(board: Callboard) -> dict[str, RunState]:
    """Of the last run of each job."""
    return {run.job: run.state for run in await all_runs(board)}


async def begun(clock: VirtualClock, company: Company, *names: str) -> None:
    """Time until all of them are under way."""
    await clock.run_until(lambda: set(names) <= set(company.working), within=timedelta(minutes=5))


async def test_one_place_is_enough_for_a_parent_and_its_child(
    store: MemoryStore, clock: VirtualClock, company: Company
) -> None:
    company.job("parent", JobStep("inner", job=company.job("child")), "after")
    async with a_node(store, clock, company) as board:
        run = await ended(board, clock, await board.operator.start("parent"))
        assert run.state is RunState.SUCCEEDED
    assert company.begun == ["child.work", "parent.after"]


async def test_one_place_is_enough_for_runs_that_are_nested_two_deep(
    store: MemoryStore, clock: VirtualClock, company: Company
) -> None:
    child = company.job("child")
    middle = company.job("middle", "before", JobStep("inner", job=child), "after")
    company.job("outer", JobStep("inner", job=middle), "after")
    async with a_node(store, clock, company) as board:
        run = await ended(board, clock, await board.operator.start("outer"))
        assert run.state is RunState.SUCCEEDED
    assert company.begun == ["middle.before", "child.work", "middle.after", "outer.after"]


async def test_parents_on_all_places_do_not_keep_their_children_waiting(
    store: MemoryStore, clock: VirtualClock, company: Company
) -> None:
    child = company.job("child")
    company.job("parent", JobStep("inner", job=child, parameters=lambda ctx: ctx.arguments))
    async with a_node(store, clock, company, capacity=3) as board:
        runs = [await board.operator.start("parent", {"n": n}) for n in range(7)]
        for run in runs:
            assert (await ended(board, clock, run)).state is RunState.SUCCEEDED
    assert company.begun == ["child.work"] * 7
    assert company.most <= 3


async def test_a_place_is_lent_to_one_run_and_no_more(
    store: MemoryStore, clock: VirtualClock, nested: Company
) -> None:
    nested.job("other", waits=True)
    async with a_node(store, clock, nested) as board:
        await board.operator.start("parent")
        await begun(clock, nested, "child.work")
        other = await board.operator.start("other")
        await clock.advance(60)
        assert (await board.get_run(other.id)).state is RunState.QUEUED
        nested.gates["child.work"].set()
        nested.gates["other.work"].set()
        assert (await ended(board, clock, other)).state is RunState.SUCCEEDED


async def test_a_parent_goes_on_at_once_although_somebody_else_has_its_place(
    store: MemoryStore, clock: VirtualClock, company: Company
) -> None:
    """The node is over its capacity until one of them has ended, and begins nothing meanwhile."""
    child = company.job("child", waits=True)
    company.job("parent", JobStep("inner", job=child), "after", waits=True)
    company.job("other", waits=True)
    async with a_node(store, clock, company) as board:
        parent = await board.operator.start("parent")
        other = await board.operator.start("other")  # older than the child
        await begun(clock, company, "other.work")
        async with a_node(store, clock, company, node_name="node-2"):
            await begun(clock, company, "child.work")
            company.gates["child.work"].set()
            await begun(clock, company, "parent.after")
        assert sorted(company.working) == ["other.work", "parent.after"]
        company.job("late")
        await board.define(company.jobs[-1])
        late = await board.operator.start("late")
        company.gates["other.work"].set()
        assert (await ended(board, clock, other)).state is RunState.SUCCEEDED
        await clock.advance(30)
        assert (await board.get_run(late.id)).state is RunState.QUEUED
        company.gates["parent.after"].set()
        for run in (parent, late):
            assert (await ended(board, clock, run)).state is RunState.SUCCEEDED


async def test_an_offer_of_a_lent_place_is_withdrawn_when_the_place_is_taken_back(
    store: MemoryStore, clock: VirtualClock, company: Company
) -> None:
    """A run that is started behind that is not assigned to the node, and can begin elsewhere."""
    child = company.job("child", waits=True)
    company.job("parent", JobStep("inner", job=child), "after", waits=True)
    async with a_node(store, clock, company) as board:
        await board.define(plain, name="plain")
        await board.operator.start("parent")
        await begun(clock, company, "child.work")
        company.gates["child.work"].set()
        await begun(clock, company, "parent.after")
        run = await board.start("plain")
        assert (await board.get_run(run.id)).state is RunState.QUEUED


async def test_a_run_that_works_beside_its_waiting_keeps_its_place(
    store: MemoryStore, clock: VirtualClock, company: Company
) -> None:
    child = company.job("child")
    parent = company.job("parent", JobStep("inner", job=child), "beside", waits=True)
    parent.flow = Flow(split(Flow("inner"), Flow("beside"), name="both"))
    async with a_node(store, clock, company) as board:
        run = await board.operator.start("parent")
        await begun(clock, company, "parent.beside")
        await clock.advance(60)
        assert "child.work" not in company.begun
        company.gates["parent.beside"].set()
        assert (await ended(board, clock, run)).state is RunState.SUCCEEDED


async def test_a_run_of_which_all_flows_wait_lends_its_place(
    store: MemoryStore, clock: VirtualClock, company: Company
) -> None:
    first, second = company.job("first"), company.job("second")
    parent = company.job("parent", JobStep("a", job=first), JobStep("b", job=second))
    parent.flow = Flow(split(Flow("a"), Flow("b"), name="both"))
    async with a_node(store, clock, company) as board:
        run = await ended(board, clock, await board.operator.start("parent"))
        assert run.state is RunState.SUCCEEDED
    assert sorted(company.begun) == ["first.work", "second.work"]
    assert company.most == 1


async def test_a_run_of_which_all_partitions_wait_lends_its_place(
    store: MemoryStore, clock: VirtualClock, company: Company
) -> None:
    child = company.job("child")
    parent = company.job("parent", "before")
    inner = JobStep("each", job=child, parameters=lambda ctx: dict(ctx.inputs))

    async def plan(ctx: StepContext, grid: int) -> list[dict[str, int]]:
        return [{"n": n} for n in range(3)]

    parent.add(Partition("parts", plan=plan, step=inner, concurrency=2))
    async with a_node(store, clock, company) as board:
        run = await ended(board, clock, await board.operator.start("parent"))
        assert run.state is RunState.SUCCEEDED
    assert company.begun == ["parent.before", *["child.work"] * 3]
    assert company.most == 1


# what ends a run that waits


async def test_a_stop_of_a_parent_that_has_lent_its_place_stops_the_child(
    store: MemoryStore, clock: VirtualClock, nested: Company
) -> None:
    async with a_node(store, clock, nested) as board:
        run = await board.operator.start("parent")
        await begun(clock, nested, "child.work")
        await board.operator.stop(run.id)
        assert (await ended(board, clock, run)).state is RunState.STOPPED
        assert set((await states(board)).values()) == {RunState.STOPPED}
        await assert_one_place(board, clock)


async def test_a_stop_of_a_parent_whose_child_is_still_queued_stops_both(
    store: MemoryStore, clock: VirtualClock, nested: Company
) -> None:
    nested.job("other", waits=True)
    async with a_node(store, clock, nested) as board:
        # Older than the child, it gets the place that is lent.
        run = await board.operator.start("parent")
        other = await board.operator.start("other")
        await begun(clock, nested, "other.work")
        assert (await states(board))["child"] is RunState.QUEUED
        await board.operator.stop(run.id)
        assert (await ended(board, clock, run)).state is RunState.STOPPED
        assert (await states(board))["child"] is RunState.STOPPED
        nested.gates["other.work"].set()
        assert (await ended(board, clock, other)).state is RunState.SUCCEEDED
        await assert_one_place(board, clock)


async def test_a_parent_that_is_killed_while_it_waits_leaves_the_places_as_they_were(
    store: MemoryStore, clock: VirtualClock, nested: Company
) -> None:
    async with a_node(store, clock, nested) as board:
        run = await board.operator.start("parent")
        await begun(clock, nested, "child.work")
        await board.operator.stop(run.id, mode=StopMode.KILL)
        assert (await ended(board, clock, run)).state is RunState.STOPPED
        nested.gates["child.work"].set()
        await clock.advance(5)
        await assert_one_place(board, clock)


async def test_a_parent_whose_time_is_over_while_it_waits_is_timed_out(
    store: MemoryStore, clock: VirtualClock, company: Company
) -> None:
    child = company.job("child", waits=True)
    company.job("parent", JobStep("inner", job=child), timeout_s=20)
    async with a_node(store, clock, company) as board:
        run = await board.operator.start("parent")
        await begun(clock, company, "child.work")
        assert (await ended(board, clock, run)).state is RunState.TIMED_OUT
        assert (await states(board))["child"] is RunState.STOPPED
        await assert_one_place(board, clock)


async def test_a_parent_of_a_node_that_closes_goes_on_elsewhere_with_the_same_child(
    store: MemoryStore, clock: VirtualClock, nested: Company
) -> None:
    """It is put back at once, however long the child takes."""
    async with a_node(store, clock, nested, drain_s=1000.0, capacity=2) as one:
        run = await one.operator.start("parent")
        await begun(clock, nested, "child.work")
        async with a_node(store, clock, nested, node_name="node-2") as two:
            closing = asyncio.create_task(one.close())
            await clock.advance(20)
            assert not closing.done()
            moved = await two.get_run(run.id)
            assert (moved.state, moved.node, moved.crashes) == (RunState.RUNNING, "node-2", 0)
            nested.gates["child.work"].set()
            await clock.run_until(closing.done)
            assert (await ended(two, clock, run)).state is RunState.SUCCEEDED
            assert [each.job for each in await all_runs(two)] == ["parent", "child"]
            first, second, _ = await steps_of(two, run)
            assert (first.state, second.state) == (StepState.STOPPED, StepState.SUCCEEDED)
    # The child was put back, too, as soon as it looked.
    assert nested.begun == ["child.work", "child.work", "parent.after"]


@pytest.fixture
def works(company: Company) -> asyncio.Event:
    """Ends the step that works beside the one that waits, which sees no stop."""
    parent = company.job("parent", JobStep("inner", job=company.job("child", waits=True)))
    works = asyncio.Event()

    @parent.step
    async def beside(ctx: StepContext) -> None:
        company.begun.append("beside")
        await works.wait()

    parent.flow = Flow(split(Flow("inner"), Flow("beside"), name="both"))
    return works


async def test_a_closing_node_lets_what_works_beside_a_waiting_flow_end(
    store: MemoryStore, clock: VirtualClock, company: Company, works: asyncio.Event
) -> None:
    """Each flow is put down at its own boundary."""
    async with a_node(store, clock, company, drain_s=1000.0, capacity=2) as one:
        run = await one.operator.start("parent")
        await begun(clock, company, "child.work")
        async with a_node(store, clock, company, node_name="node-2", capacity=2) as two:
            closing = asyncio.create_task(one.close())
            await clock.advance(20)
            assert (await two.get_run(run.id)).node == "node-1"
            company.gates["child.work"].set()
            works.set()
            await clock.run_until(closing.done)
            end = await ended(two, clock, run)
            assert (end.state, end.node) == (RunState.SUCCEEDED, "node-2")
    assert company.begun.count("beside") == 1


async def test_a_stop_goes_first_where_one_flow_is_put_down_and_another_works(
    store: MemoryStore, clock: VirtualClock, company: Company, works: asyncio.Event
) -> None:
    async with a_node(store, clock, company, drain_s=1000.0, capacity=2, lease_s=10.0) as one:
        run = await one.operator.start("parent")
        await begun(clock, company, "child.work")
        async with a_node(store, clock, company, node_name="node-2", capacity=2) as two:
            closing = asyncio.create_task(one.close())
            await clock.advance(20)
            await two.operator.stop(run.id)
            await clock.advance(20)  # a renewal tells of it
            company.gates["child.work"].set()
            works.set()
            await clock.run_until(closing.done)
            end = await two.get_run(run.id)
            assert (end.state, end.error, exit_code(end)) == (RunState.STOPPED, None, "STOPPED")


async def test_a_parent_whose_node_dies_while_it_waits_is_taken_over(
    store: MemoryStore, clock: VirtualClock, nested: Company
) -> None:
    short = {"lease_s": 10.0, "rescue_every_s": 2.0}
    async with a_node(store, clock, nested, **short) as one:
        run = await one.operator.start("parent")
        await begun(clock, nested, "child.work")
        async with a_node(store, clock, nested, node_name="node-2", **short) as two:
            await die(one, clock)
            nested.gates["child.work"].set()
            end = await ended(two, clock, run)
            assert (end.state, end.node) == (RunState.SUCCEEDED, "node-2")
            assert len(await all_runs(two)) == 2


async def assert_one_place(board: Callboard, clock: VirtualClock) -> None:
    """Of two runs that take time the second waits for the first."""
    working: list[int] = []
    most = 0

    async def busy(number: int) -> None:
        nonlocal most
        working.append(number)
        most = max(most, len(working))
        await clock.sleep_until(clock.monotonic() + 5)
        working.remove(number)

    await board.define(busy, name="busy")
    handles = await board.start_many("busy", [{"number": number} for number in range(3)])
    for handle in handles:
        run = await _soon(clock, board.wait_run(handle.id))
        assert run.state is RunState.SUCCEEDED
    assert most == 1


# limits that were wished for


async def test_a_limit_of_the_job_is_kept_and_the_log_says_what_is_waited_for(
    store: MemoryStore, clock: VirtualClock, company: Company
) -> None:
    """A run of a job that may have one run, which waits for another run of it."""
    selfish = company.job("selfish", max_concurrent_runs=1)
    inner = JobStep("inner", job="selfish", parameters={"n": 2})
    selfish.add(inner)
    async with a_node(store, clock, company) as board:
        run = await board.operator.start("selfish", {"n": 1})
        await clock.advance(60)
        [_, child] = await all_runs(board)
        assert child.state is RunState.QUEUED
        said = await log_of(board, run)
        assert f"waits for run {child.id} of job selfish" in said
        assert "max_concurrent_runs" in said
        await board.operator.stop(run.id)
        assert (await ended(board, clock, run)).state is RunState.STOPPED


# on a real database


async def test_parents_on_all_places_of_a_node_on_postgresql_come_to_their_ends(
    newest_dsn: str,
) -> None:
    """Nested two deep, three of them on two places."""
    rows: list[int] = []
    child, middle, outer = BatchJob("child"), BatchJob("middle"), BatchJob("outer")

    @child.step
    async def write(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(range(4), size=2):
            async with chunk:
                rows.extend(chunk)

    inner = {"parameters": lambda ctx: ctx.arguments}
    middle.add(JobStep("child", job=child, **inner))
    outer.add(JobStep("middle", job=middle, **inner))
    config = BoardConfig(node_name="node-1", capacity=2)
    async with Callboard(newest_dsn, config=config) as board:
        for job in (child, middle, outer):
            await board.define(job)
        runs = [await board.operator.start("outer", {"n": n}) for n in range(3)]
        for run in runs:
            assert (await over(board, run)).state is RunState.SUCCEEDED
        assert len(await all_runs(board)) == 9
    assert sorted(rows) == sorted([*range(4)] * 3)
