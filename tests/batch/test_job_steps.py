"""Steps that are runs of other batch jobs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callboard import Callboard, Run
from callboard.batch import BatchJob, JobStep, StepContext
from callboard.domain.states import RunState
from callboard.errors import InvalidInput
from support.batch_boards import exit_code, over, ran_again
from support.batch_runs import a_board, ran, states_of, stopped


class Family:
    """A parent whose step `child` runs the job `child`, with what the test says to do there."""

    def __init__(self, parameters: Any = None) -> None:
        self.log: list[dict[str, Any]] = []
        self.fails = False
        self.code: str | None = None
        self.child = BatchJob("child")
        self.child.step("work")(self.work)
        self.parent = BatchJob("parent")
        self.step = self.parent.add(JobStep("child", job=self.child, parameters=parameters))

    async def work(self, ctx: StepContext) -> None:
        self.log.append(dict(ctx.arguments))
        if self.fails:
            raise ValueError("the child is broken")
        ctx.exit_code = self.code

    async def runs(self, board: Callboard) -> list[Run]:
        """The child's, oldest first."""
        [instance] = await board.operator.instances("child")
        return (await board.operator.runs(instance.id))[::-1]


async def test_a_child_that_succeeds_is_a_step_that_does_with_its_code() -> None:
    family = Family({"day": "2026-01-05"})
    family.code = "MINE"
    async with a_board(family.child, family.parent) as board:
        run = await ran(board, "parent")
        assert (run.state, exit_code(run)) == (RunState.SUCCEEDED, "MINE")
    assert family.log == [{"day": "2026-01-05"}]


async def test_a_child_that_fails_fails_the_step() -> None:
    """Case 130."""
    family = Family()
    family.fails = True
    async with a_board(family.child, family.parent) as board:
        run = await ran(board, "parent")
        assert run.state is RunState.FAILED
        assert run.error is not None
        [child] = await family.runs(board)
        reason = "has failed: ValueError: the child is broken"
        assert run.error.message == f"run {child.id} of job child {reason}"


async def test_a_restart_restarts_the_child_with_the_parameters_of_the_first_attempt() -> None:
    day = "2026-01-05"
    family = Family(lambda ctx: {"day": day})
    family.fails = True
    async with a_board(family.child, family.parent) as board:
        run = await ran(board, "parent")
        family.fails, day = False, "2026-02-02"
        assert (await ran_again(board, run)).state is RunState.SUCCEEDED
        states = [child.state for child in await family.runs(board)]
        assert states == [RunState.FAILED, RunState.SUCCEEDED]
    assert family.log == [{"day": "2026-01-05"}, {"day": "2026-01-05"}]


async def test_a_step_that_is_done_again_with_other_parameters_is_another_run() -> None:
    days = iter(["2026-01-05", "2026-02-02"])
    family = Family()
    parent = BatchJob("parent")
    given = JobStep(
        "child",
        job=family.child,
        parameters=lambda ctx: {"day": next(days)},
        allow_start_if_complete=True,
    )
    parent.add(given)
    fails = iter([True, False])

    @parent.step
    async def report(ctx: StepContext) -> None:
        if next(fails):
            raise ValueError("not yet")

    async with a_board(family.child, parent) as board:
        assert (await ran_again(board, await ran(board, "parent"))).state is RunState.SUCCEEDED
    assert family.log == [{"day": "2026-01-05"}, {"day": "2026-02-02"}]


async def test_a_restart_under_another_name_goes_on_with_the_same_child() -> None:
    family = Family()
    family.fails = True
    async with a_board(family.child, family.parent) as board:
        run = await ran(board, "parent")
        family.fails = False
        renamed = BatchJob("parent", handler="tests:renamed")
        renamed.add(JobStep("other", job=family.child))
        await board.define(renamed)
        again = await board.operator.restart(run.id, steps={"child": "other"})
        assert (await over(board, again)).state is RunState.SUCCEEDED
        assert len(await family.runs(board)) == 2


async def test_a_stop_of_the_parent_stops_the_child_and_waits_for_it() -> None:
    family, begun, goes_on = Family(), asyncio.Event(), False

    async def work(ctx: StepContext) -> None:
        asked = asyncio.Event()
        ctx.when_stopping(asked.set)
        begun.set()
        if not goes_on:
            await asked.wait()
            ctx.check_stop()

    family.child.steps[0].function = work  # type: ignore[attr-defined]
    async with a_board(family.child, family.parent) as board:
        run = await board.operator.start("parent")
        await begun.wait()
        ended = await stopped(board, run)
        assert ended.state is RunState.STOPPED
        assert await states_of(board, ended) == {"child": "stopped"}
        [child] = await family.runs(board)
        assert child.state is RunState.STOPPED
        goes_on = True
        assert (await ran_again(board, ended)).state is RunState.SUCCEEDED
        assert [each.state for each in await family.runs(board)] == [
            RunState.STOPPED,
            RunState.SUCCEEDED,
        ]


async def test_a_child_that_somebody_else_stops_stops_the_step() -> None:
    """Case 130."""
    family, begun = Family(), asyncio.Event()

    async def work(ctx: StepContext) -> None:
        asked = asyncio.Event()
        ctx.when_stopping(asked.set)
        begun.set()
        await asked.wait()
        ctx.check_stop()

    family.child.steps[0].function = work  # type: ignore[attr-defined]
    async with a_board(family.child, family.parent) as board:
        run = await board.operator.start("parent")
        await begun.wait()
        [child] = await family.runs(board)
        await board.operator.stop(child.id)
        ended = await over(board, run)
        assert (ended.state, exit_code(ended)) == (RunState.STOPPED, "STOPPED")


async def test_a_child_that_is_parked_fails_the_step_with_the_reason() -> None:
    family = Family()
    family.child = BatchJob("child", database="one that no node knows")
    async with a_board(family.child, family.parent) as board:
        run = await ran(board, "parent")
        assert run.state is RunState.FAILED
        assert run.error is not None
        assert "of job child is parked: UnknownDatabase" in run.error.message


async def test_a_child_that_does_not_exist_fails_the_step() -> None:
    family = Family()
    async with a_board(family.parent) as board:
        run = await ran(board, "parent")
        assert run.state is RunState.FAILED
        assert run.error is not None
        assert run.error.message == "job: there is no job 'child' in the group 'default'"


async def test_parameters_that_are_none_fail_the_step_before_anything_is_started() -> None:
    family = Family(lambda ctx: ["day"])
    async with a_board(family.child, family.parent) as board:
        run = await ran(board, "parent")
        assert run.error is not None
        assert run.error.message.startswith("child.parameters: gave a list")
    assert family.log == []


def test_the_spec_names_the_job() -> None:
    assert JobStep("step", job="child").spec() == {"name": "step", "kind": "job", "job": "child"}
    with pytest.raises(InvalidInput, match="job: is empty"):
        JobStep("step", job="")
