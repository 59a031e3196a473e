"""Steps in partitions: their plan, their ends, their restarts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callboard import Callboard, Run
from callboard.batch import BatchJob, Partition, StepContext
from callboard.domain.batch_step import StepExecution
from callboard.domain.states import RunState
from callboard.errors import InvalidInput
from support.batch_boards import exit_code, ran_again, steps_of
from support.batch_runs import a_board, ran, states_of, stopped


class Regions:
    """Eight items in partitions of four: what each has read commits chunk by chunk."""

    def __init__(self, **more: Any) -> None:
        self.items = {"north": [1, 2, 3, 4], "south": [5, 6, 7, 8]}
        self.rows: list[int] = []
        self.planned = 0
        self.bad: set[int] = set()
        self.step = Partition("report", plan=self.plan, step=self.work, grid=2, **more)
        self.job = BatchJob("shop")
        self.job.add(self.step)

    def plan(self, ctx: StepContext, grid: int) -> Any:
        self.planned += 1
        return {name: {"items": items} for name, items in self.items.items()}

    async def work(self, ctx: StepContext) -> None:
        async for chunk in ctx.chunks(ctx.inputs["items"], size=2):
            if self.bad & {*chunk}:
                raise ValueError(f"{min(self.bad & {*chunk})} is bad")
            async with chunk:
                self.rows += chunk


async def asked_to_stop(ctx: StepContext) -> None:
    asked = asyncio.Event()
    ctx.when_stopping(asked.set)
    await asked.wait()


async def managers(board: Callboard, *runs: Run) -> list[StepExecution]:
    return [step for run in runs for step in await steps_of(board, run) if step.name == "report"]


async def test_each_partition_is_a_step_of_its_own_with_its_inputs() -> None:
    """Case 127."""
    regions = Regions()
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        assert run.state is RunState.SUCCEEDED
        steps = await steps_of(board, run)
        assert sorted(step.name for step in steps) == ["report", "report:north", "report:south"]
        [manager] = [step for step in steps if step.manager_id is None]
        assert {step.manager_id for step in steps} == {None, manager.id}
        assert manager.plan == (
            {"name": "north", "inputs": {"items": [1, 2, 3, 4]}},
            {"name": "south", "inputs": {"items": [5, 6, 7, 8]}},
        )
    assert sorted(regions.rows) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_the_step_counts_what_its_partitions_do() -> None:
    """Case 127."""
    regions = Regions()
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        [manager] = await managers(board, run)
        assert (manager.counts.reads, manager.counts.writes, manager.counts.commits) == (8, 8, 4)


async def test_a_restart_runs_the_partitions_that_failed_each_from_its_checkpoint() -> None:
    """Case 125, B22: four rows and two, then eight; two manager executions, three of partitions."""
    regions = Regions()
    regions.bad = {7}
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        assert run.state is RunState.FAILED
        assert run.error is not None
        assert (run.error.type, run.error.message) == ("ValueError", "7 is bad")
        assert sorted(regions.rows) == [1, 2, 3, 4, 5, 6]
        regions.bad = set()
        again = await ran_again(board, run)
        assert again.state is RunState.SUCCEEDED
        assert sorted(regions.rows) == [1, 2, 3, 4, 5, 6, 7, 8]
        assert await states_of(board, again) == {"report": "succeeded", "report:south": "succeeded"}
        first, second = await managers(board, run, again)
        assert (first.counts.writes, second.counts.writes) == (6, 2)


async def test_the_planner_is_not_asked_again_although_the_data_changed() -> None:
    """#1600, #2051."""
    regions = Regions()
    regions.bad = {7}
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        regions.items, regions.bad = {"east": [9]}, set()
        again = await ran_again(board, run)
        assert list(await states_of(board, again)) == ["report", "report:south"]
    assert regions.planned == 1


async def test_a_planner_that_raised_is_asked_again() -> None:
    """#4736."""
    regions = Regions()
    good, regions.step.plan = regions.step.plan, _raises
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        assert run.state is RunState.FAILED
        assert await states_of(board, run) == {"report": "failed"}
        regions.step.plan = good
        assert (await ran_again(board, run)).state is RunState.SUCCEEDED
    assert len(regions.rows) == 8


def _raises(ctx: StepContext, grid: int) -> Any:
    raise ConnectionError("the planner's database is away")


async def test_a_plan_that_cannot_be_kept_fails_the_step_and_says_why() -> None:
    regions = Regions()
    regions.items = {"": []}
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        assert run.error is not None
        assert run.error.message.startswith("report.plan: named a partition ''")


async def test_an_empty_plan_is_done_at_once() -> None:
    regions = Regions()
    regions.items = {}
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        assert (run.state, exit_code(run)) == (RunState.SUCCEEDED, "COMPLETED")


async def test_the_others_finish_when_one_fails() -> None:
    """B22."""
    regions = Regions(concurrency=1)
    regions.bad = {1}
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        assert await states_of(board, run) == {
            "report": "failed",
            "report:north": "failed",
            "report:south": "succeeded",
        }


async def test_the_others_stop_when_one_fails_if_they_are_to() -> None:
    """B22; the one that runs stops at its boundary, the one that waits does not begin."""
    regions = Regions(concurrency=2, on_failure="stop")
    regions.items = {"north": [1], "south": [5, 6, 7, 8], "west": [9]}
    regions.bad = {1}
    in_chunk = asyncio.Event()

    async def work(ctx: StepContext) -> None:
        if ctx.step == "report:north":
            await in_chunk.wait()
            raise ValueError("north is broken")
        async for chunk in ctx.chunks(ctx.inputs["items"], size=2):
            in_chunk.set()
            await asked_to_stop(ctx)
            async with chunk:
                regions.rows += chunk

    regions.step.step = Partition("x", plan=regions.plan, step=work).step
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        assert run.state is RunState.FAILED
        assert await states_of(board, run) == {
            "report": "failed",
            "report:north": "failed",
            "report:south": "stopped",
        }
        assert regions.rows == [5, 6]
        regions.bad = set()
        regions.step.step = Partition("x", plan=regions.plan, step=regions.work).step
        assert (await ran_again(board, run)).state is RunState.SUCCEEDED
    assert sorted(regions.rows) == [1, 5, 6, 7, 8, 9]


async def test_a_stop_ends_each_partition_at_its_own_boundary() -> None:
    """Case 34, #2296."""
    regions, both_read, read = Regions(), asyncio.Event(), 0

    async def work(ctx: StepContext) -> None:
        nonlocal read
        async for chunk in ctx.chunks(ctx.inputs["items"], size=2):
            read += 1
            if read == 2:
                both_read.set()
            await asked_to_stop(ctx)
            async with chunk:
                regions.rows += chunk

    regions.step.step = Partition("x", plan=regions.plan, step=work).step
    async with a_board(regions.job) as board:
        run = await board.operator.start("shop")
        await both_read.wait()
        ended = await stopped(board, run)
        assert (ended.state, exit_code(ended)) == (RunState.STOPPED, "STOPPED")
        assert set((await states_of(board, ended)).values()) == {"stopped"}
        assert sorted(regions.rows) == [1, 2, 5, 6]
        regions.step.step = Partition("x", plan=regions.plan, step=regions.work).step
        assert (await ran_again(board, ended)).state is RunState.SUCCEEDED
    assert sorted(regions.rows) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_no_more_are_executed_at_once_than_allowed() -> None:
    regions, pair = Regions(concurrency=2), asyncio.Barrier(2)
    regions.items = {str(name): [] for name in range(8)}
    most = at_once = 0

    async def work(ctx: StepContext) -> None:
        nonlocal most, at_once
        at_once += 1
        most = max(most, at_once)
        await pair.wait()
        at_once -= 1

    regions.step.step = Partition("x", plan=regions.plan, step=work).step
    async with a_board(regions.job) as board:
        assert (await ran(board, "shop")).state is RunState.SUCCEEDED
    assert most == 2


async def test_the_exit_code_is_the_most_severe_of_all_partitions() -> None:
    """Of those of an earlier run, too."""
    codes = {"report:north": "COMPLETED WITH SKIPS", "report:south": "COMPLETED"}
    is_broken = True

    async def work(ctx: StepContext) -> None:
        if is_broken and ctx.step == "report:south":
            raise ValueError("broken")
        ctx.exit_code = codes[ctx.step]

    regions = Regions()
    regions.step.step = Partition("x", plan=regions.plan, step=work).step
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        is_broken = False
        assert exit_code(await ran_again(board, run)) == "COMPLETED WITH SKIPS"


async def test_a_step_that_runs_again_from_the_start_makes_a_new_plan() -> None:
    regions = Regions(allow_start_if_complete=True)
    is_broken = True

    @regions.job.step
    async def after(ctx: StepContext) -> None:
        if is_broken:
            raise ValueError("broken")

    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        is_broken = False
        regions.items = {"north": [1, 2, 3, 4, 5]}
        again = await ran_again(board, run)
        assert list(await states_of(board, again)) == ["report", "report:north", "after"]
    assert (regions.planned, len(regions.rows)) == (2, 13)


async def test_what_a_restart_would_do_is_told_of_each_partition() -> None:
    regions = Regions()
    regions.bad = {7}
    async with a_board(regions.job) as board:
        run = await ran(board, "shop")
        lines = await board.operator.explain_restart(run.id)
        assert [(line.name, line.what.value, line.counts.writes) for line in lines] == [
            ("report", "resume", 6),
            ("report:north", "skip", 4),
            ("report:south", "resume", 2),
            ("COMPLETED", "end", 0),
        ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"grid": 0}, "grid"),
        ({"concurrency": True}, "concurrency"),
        ({"on_failure": "panic"}, "on_failure"),
        ({"plan": 3}, "plan"),
        ({"step": Partition("x", plan=_raises, step=_raises)}, "step"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Partition("report", **{"plan": _raises, "step": _raises, **wrong})
    assert [problem.field for problem in caught.value.problems] == [field]


def test_the_spec_says_how_it_is_partitioned() -> None:
    assert Partition("report", plan=_raises, step=_raises, grid=3).spec() == {
        "name": "report",
        "kind": "partition",
        "grid": 3,
        "concurrency": 4,
        "on_failure": "finish",
    }


async def test_a_board_that_closes_begins_no_more_partitions() -> None:
    done: list[str] = []
    begun, closes = asyncio.Event(), asyncio.Event()

    async def work(ctx: StepContext) -> None:
        ctx.session.leaving.call_when_set(closes.set)
        begun.set()
        await closes.wait()
        done.append(ctx.step)

    job = BatchJob("shop")
    job.add(Partition("report", plan=lambda ctx, grid: [{}, {}, {}], step=work, concurrency=1))
    async with a_board(job) as board:
        await board.operator.start("shop")
        await begun.wait()
    assert done == ["report:0"]
