"""Whichever call of the engine goes wrong, and however: the story ends as if none had (G22, B06).

One story in which a job does most of what a job can do is told again for each of its calls, with
that one refused, unanswered or frozen, the run stopped or killed, the node closed. What it has
written, counted, quarantined, decided and remembered must be that of the story without trouble;
what a node sends that was replaced meanwhile changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from callboard.batch import (
    BatchJob,
    ChunkStep,
    Flow,
    JobContext,
    Partition,
    Skip,
    StepContext,
    decider,
    split,
)
from callboard.domain.batch_instance import BatchHistory, InstanceState
from callboard.domain.batch_step import StepCounts, StepState, sum_of
from callboard.domain.run import StopMode
from callboard.domain.states import RunState
from support.batch_faults import Calls, Fault, FaultyBoard, World

RESTARTS = 3
BOUNDARIES = ("begin_run", "begin_step", "commit", "end_step", "record_moves", "keep_plan")
MOVES = (Fault.FROZEN, Fault.FROZEN_BEHIND, Fault.CLOSE)
"""By them another node gets the run."""
WAKES_AT = 4
FOREIGN = (Fault.REFUSED, Fault.UNANSWERED, Fault.FROZEN, Fault.KILL)
WHERE = {
    Fault.TWICE: ("commit", "begin_step", "end_step"),
    Fault.FROZEN_BEHIND: BOUNDARIES,
    Fault.STOP: ("begin_step", "commit", "end_step"),
    Fault.KILL: BOUNDARIES,
    Fault.CLOSE: ("begin_step", "commit", "end_step"),
}
"""Calls that a fault makes something of; the others are struck everywhere."""


class Unfit(Exception):
    """Of an item."""


def a_job(database: str | None) -> BatchJob:
    job = BatchJob("story", database=database)

    @job.step(promote=("loaded",))
    async def load(ctx: StepContext) -> None:
        ctx.state.setdefault("loaded", 0)
        async for chunk in ctx.chunks(range(1, 5), size=2, expected=4):
            for item in chunk:
                if item == 3:
                    chunk.skip(item, "is three")
            async with chunk as tx:
                good = [("load", item) for item in chunk if item != 3]
                await tx.execute("insert", *good)
                ctx.state["loaded"] += len(good)

    @job.reader
    async def orders(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[int, int]]:
        for item in range((after or 0) + 1, 5):
            yield item, item

    async def price(item: int) -> int | None:
        return None if item == 2 else 10 * item

    async def post(items: list[int], tx: Any, ctx: StepContext) -> None:
        ctx.state["posted"] = ctx.state.get("posted", 0) + len(items)
        if 40 in items:
            raise Unfit("forty")
        await tx.execute("insert", *[("settle", item) for item in items])

    settle = ChunkStep(
        "settle", read=orders, process=price, write=post, size=3, skip=_skip(), promote=("posted",)
    )
    job.add(settle)

    @job.step
    async def touch(ctx: StepContext) -> None:
        ctx.job_state["rounds"] = ctx.visit
        async with ctx.transaction() as tx:
            if "done" not in ctx.state:
                ctx.state["done"] = True
                await tx.execute("insert", ("touch", ctx.visit))

    async def again(ctx: JobContext) -> str:
        return "MORE" if ctx.job_state["rounds"] < 2 else "ENOUGH"

    more = decider("more", again)

    async def part(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(ctx.inputs["items"], size=1):
            async with chunk as tx:
                await tx.execute("insert", *[("part", item) for item in chunk])

    job.add(Partition("parts", plan=_plan, step=part, concurrency=2))

    @job.step
    async def beside(ctx: StepContext) -> None:
        async with ctx.transaction() as tx:
            if "done" not in ctx.state:
                ctx.state["done"] = True
                await tx.execute("insert", ("beside", 1))

    @job.step
    async def report(ctx: StepContext) -> None:
        ctx.job_state["report"] = [ctx.job_state["loaded"], ctx.job_state["rounds"]]

    job.flow = (
        Flow(load).next(settle).next(touch).next(more)
        .on("MORE").to(touch).on("ENOUGH").to(both := split("parts", beside, name="both"))
        .at(both).next(report)
    )  # fmt: skip
    return job


def _skip() -> Skip:
    return Skip(Unfit, limit=1)


async def _plan(ctx: StepContext, grid: int) -> dict[str, Any]:
    return {"a": {"items": [1, 2]}, "b": {"items": [3]}}


class Told:
    """A story that has come to its end."""

    def __init__(self, world: World, first: Calls, history: BatchHistory) -> None:
        self.rows = sorted(map(str, world.table.rows))
        self.calls = first.names
        self.history = history
        last = history.runs[-1]
        self.context = last.context
        self.moves = [(move.node, move.visit, move.code, move.target) for move in history.moves]
        self.kept = sorted(
            (item.phase, item.item) for item in world.store._tables.batch.skips.rows.values()
        )
        self.states = {
            (step.name, step.visit): (step.state, step.exit_code) for step in history.steps
        }
        """Of the last execution of each."""

    def places_of(self, fault: Fault) -> list[int]:
        """Numbers of the calls at which it is tried."""
        wanted = WHERE.get(fault, self.calls)
        return [number for number, name in enumerate(self.calls) if name in wanted]

    @property
    def counts(self) -> StepCounts:
        return sum_of(step.counts for step in self.history.steps if step.manager_id is None)


async def tell(database: str | None, fault: Fault | None = None, number: int = -1) -> Told:
    job = a_job(database)
    calls = Calls(fault, number)
    async with _world() as world:
        board = await world.join("first", calls)
        tasks: list[asyncio.Task[Any]] = []
        run_id = await _started(world, board, job)
        calls.strikes = _strikes(board, run_id, tasks)
        other = await _another(world, job, fault, board) if fault in MOVES else board
        calls.may_begin.set()
        history = await _ended(world, other, run_id)
        told = Told(world, calls, history)
        await _thawed(world, board)
        for task in tasks:
            await world.done(task)
        assert Told(world, calls, await _history(world, other, run_id)).__dict__ == told.__dict__
    return told


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    world = World()
    try:
        yield world
    finally:
        await world.close()


async def _another(
    world: World, job: BatchJob, fault: Fault | None, first: FaultyBoard
) -> FaultyBoard:
    """A node that takes the run over; one that froze behind a call wakes up meanwhile, the others
    when all is over."""
    calls = Calls()
    if fault is Fault.FROZEN_BEHIND:
        calls.watch = lambda number: first.node.thaw() if number == WAKES_AT else None
    calls.may_begin.set()
    board = await world.join("other", calls)
    await world.done(board.define(job))
    return board


def _strikes(board: FaultyBoard, run_id: int, tasks: list[asyncio.Task[Any]]) -> Any:
    def begin(work: Any) -> None:
        tasks.append(asyncio.ensure_future(work))

    return {
        Fault.FROZEN: board.node.freeze,
        Fault.FROZEN_BEHIND: board.node.freeze,
        Fault.STOP: lambda: begin(board.stop_run(run_id)),
        Fault.KILL: lambda: begin(board.stop_run(run_id, mode=StopMode.KILL, grace_s=0.0)),
        Fault.CLOSE: lambda: begin(board.close()),
    }


async def _started(world: World, board: FaultyBoard, job: BatchJob) -> int:
    await world.done(board.define(job))
    return (await world.done(board.operator.start("story"))).id


async def _ended(world: World, board: FaultyBoard, run_id: int) -> BatchHistory:
    """The history, when it has succeeded: an operator restarts what has not."""
    for _ in range(RESTARTS):
        run = await world.done(board.operator.wait(run_id, timeout_s=300.0))
        if run.state is RunState.SUCCEEDED:
            return await _history(world, board, run_id)
        assert run.state in (RunState.FAILED, RunState.STOPPED), (run.state, run.error)
        run_id = (await world.done(board.operator.restart(run_id))).id
    raise AssertionError(f"it does not succeed: {run.error}")


async def _history(world: World, board: FaultyBoard, run_id: int) -> BatchHistory:
    run = await world.done(board.get_run(run_id))
    assert run.instance_id is not None
    return await world.done(board.operator.history(run.instance_id))


async def _thawed(world: World, board: FaultyBoard) -> None:
    """Let a node that was frozen say what it still has to say."""
    if board.node.is_frozen:
        board.node.thaw()
        await world.clock.advance(2.0)


@pytest.fixture
async def plain() -> Told:
    """The story without trouble."""
    return await tell(None)


@pytest.fixture
async def foreign() -> Told:
    """The same, with its output in an application's database."""
    return await tell("shop")


async def test_the_story_is_what_it_is_meant_to_be(plain: Told) -> None:
    assert plain.rows == sorted(
        str(row)
        for row in [
            *[("load", item) for item in (1, 2, 4)],
            *[("settle", item) for item in (10, 30)],
            *[("touch", 1), ("touch", 2)],
            *[("part", item) for item in (1, 2, 3)],
            ("beside", 1),
        ]
    )
    assert plain.kept == [("process", "3"), ("write", "4")]
    assert plain.context == {"loaded": 3, "posted": 2, "rounds": 2, "report": [3, 2]}
    assert len(set(plain.calls)) >= 9


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
async def test_the_story_ends_alike_whichever_call_goes_wrong(fault: Fault, plain: Told) -> None:
    for number in plain.places_of(fault):
        told = await tell(None, fault, number)
        with _named(fault, number, plain):
            _check(told, plain)
            assert told.kept == plain.kept


@pytest.mark.parametrize("fault", FOREIGN, ids=lambda fault: fault.name.lower())
async def test_so_it_does_with_its_output_in_another_database(
    fault: Fault, plain: Told, foreign: Told
) -> None:
    assert "save" in foreign.calls
    _check(foreign, plain)
    for number in foreign.places_of(fault):
        told = await tell("shop", fault, number)
        with _named(fault, number, foreign):
            _check(told, plain)
            if fault in (Fault.REFUSED, Fault.UNANSWERED):
                assert told.kept == plain.kept


@contextmanager
def _named(fault: Fault, number: int, plain: Told) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        error.add_note(f"call {number}, {plain.calls[number]}: {fault.value}")
        raise


def _check(told: Told, plain: Told) -> None:
    instance = told.history.instance
    assert (instance.state, instance.live_run_id) == (InstanceState.SUCCEEDED, None)
    assert told.rows == plain.rows
    assert told.context == plain.context
    assert told.moves == plain.moves
    assert told.states == plain.states
    assert StepState.RUNNING not in {step.state for step in told.history.steps}
    assert _kept(told.counts) == _kept(plain.counts)


def _kept(counts: StepCounts) -> tuple[int, ...]:
    """What counts committed work alone."""
    skips = counts.read_skips, counts.process_skips, counts.write_skips
    return counts.writes, counts.filters, *skips
