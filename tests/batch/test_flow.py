"""Flows as the code of a job says them, and runs that go by them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callboard.batch import BatchJob, Flow, JobContext, StepContext, decider, split
from callboard.batch.flow import deciders_of, plan_of, steps_of
from callboard.batch.tasklet import FunctionStep
from callboard.domain.batch_step import StepExecution
from callboard.domain.states import RunState
from callboard.errors import InvalidInput
from support.batch_boards import exit_code, ran_again
from support.batch_runs import a_board, ran, states_of, stopped


async def nothing(ctx: StepContext) -> None:
    pass


def a_step(name: str) -> FunctionStep:
    return FunctionStep(nothing, name=name)


load, settle, report, cleanup = map(a_step, ("load", "settle", "report", "cleanup"))


def plan(flow: object, *more: str) -> Any:
    return plan_of(flow, [*(step.name for step in steps_of(flow)), *more]).to_json()


def refused(flow: object, *steps: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        plan_of(flow, steps)
    return str(caught.value)


# What it says


def test_a_flow_reads_as_its_transitions() -> None:
    flow = Flow(load).on("FAILED").fail("LOAD_FAILED").on("*").to(settle)
    assert plan(flow) == {
        "start": "load",
        "nodes": {
            "load": {
                "kind": "step",
                "on": [{"code": "FAILED", "fail": "LOAD_FAILED"}, {"code": "*", "to": "settle"}],
            },
            "settle": {"kind": "step"},
        },
    }


def test_a_step_where_a_restart_goes_on_may_be_in_a_split() -> None:
    flow = Flow(load).on("*").to(settle).at(settle)
    flow = flow.on("SKIPS").stop(resume_at=report).on("*").split(report, cleanup)
    nodes = plan(flow)["nodes"]
    assert nodes["settle"]["on"] == [
        {"code": "SKIPS", "stop": "report+cleanup"},
        {"code": "*", "to": "report+cleanup"},
    ]
    assert [each["start"] for each in nodes["report+cleanup"]["flows"]] == ["report", "cleanup"]
    assert set(nodes) == {"load", "settle", "report+cleanup"}


def test_next_is_a_sequence() -> None:
    nodes = plan(Flow(load).next(settle).next(report))["nodes"]
    assert [node.get("next") for node in nodes.values()] == ["settle", "report", None]


def test_a_flow_is_a_value_and_changes_nothing_of_the_one_before() -> None:
    begun = Flow(load)
    begun.on("*").end("DONE")
    assert plan(begun) == {"start": "load", "nodes": {"load": {"kind": "step"}}}


def test_steps_may_be_named() -> None:
    assert plan(Flow("load").on("*").to("settle"), "load", "settle")["start"] == "load"


def test_deciders_and_steps_within_splits_are_found() -> None:
    def first(ctx: JobContext) -> str:
        return "X"

    inner = Flow(decider("choose", first)).on("*").to(report)
    flow = Flow(load).next(split(inner, cleanup, name="both"))
    assert deciders_of(flow) == {"choose": first}
    assert [step.name for step in steps_of(flow)] == ["load", "report", "cleanup"]


# What is refused


def test_a_transition_without_target_is_refused() -> None:
    said = "flow: on('FAILED') at 'load' has no target (go on with .to(...), "
    assert refused(Flow(load).on("FAILED"), "load").startswith(said)
    with pytest.raises(InvalidInput, match="has no target"):
        Flow(load).on("FAILED").on("X")


def test_two_transitions_on_one_pattern_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"'load' has two transitions on 'X'"):
        Flow(load).on("X").end().on("X").fail()


def test_two_followers_are_refused() -> None:
    with pytest.raises(InvalidInput, match="is followed by 'settle' already"):
        Flow(load).next(settle).at(load).next(report)


def test_steps_that_are_unknown_or_out_of_reach_are_refused() -> None:
    assert "flow.nodes.settle: 'settle' is not a step" in refused(Flow(load).next("settle"), "load")
    assert "does not have the step 'report'" in refused(Flow(load), "load", "report")
    assert "is not reached from 'load'" in refused(Flow(load).at(settle), "load", "settle")


def test_a_step_in_two_places_is_refused() -> None:
    said = refused(Flow(load).next(split(load, settle)), "load", "settle")
    assert "nodes.load: has the name of flow.nodes.load" in said


def test_two_steps_of_one_name_are_refused() -> None:
    said = refused(Flow(load).next(a_step("settle")).on("*").to(a_step("load")), "load", "settle")
    assert "two different nodes named 'load'" in said


def test_what_can_be_no_node_is_refused() -> None:
    for place in (nothing, 3, Flow(load), ""):
        with pytest.raises(InvalidInput):
            Flow(place)  # type: ignore[arg-type]
    assert "is a str, not a Flow" in refused("load")
    with pytest.raises(InvalidInput, match="less than two flows"):
        split(load)
    with pytest.raises(InvalidInput, match="is not a function"):
        decider("choose", "X")  # type: ignore[arg-type]


def test_a_job_says_what_is_wrong_with_its_flow() -> None:
    job = BatchJob("shop")
    job.step(nothing)
    job.flow = Flow("nothing").on("*")  # type: ignore[assignment]
    with pytest.raises(InvalidInput, match="has no target"):
        job.definition()


# What runs do


class Shop:
    """A job whose steps end as the test says, and note that they were executed."""

    def __init__(self, *names: str, **codes: str) -> None:
        self.job = BatchJob("shop")
        self.codes = codes
        self.log: list[str] = []
        self.steps = {name: self._step(name) for name in names}

    def _step(self, name: str) -> FunctionStep:
        async def work(ctx: StepContext) -> None:
            self.log.append(name)
            code = self.codes.get(name)
            if code == "FAILED":
                raise ValueError(f"{name} is broken")
            ctx.exit_code = code

        return self.job.step(name)(work)

    def says(self, name: str) -> Any:
        async def decide(ctx: JobContext) -> str:
            self.log.append(name)
            return self.codes[name]

        return decider(name, decide)


async def test_a_failed_step_may_end_the_run_as_succeeded_for_good() -> None:
    """Case 116."""
    shop = Shop("load", "settle", load="FAILED")
    shop.job.flow = Flow("load").on("FAILED").end("EARLY TERMINATION").on("*").to("settle")
    async with a_board(shop.job) as board:
        run = await ran(board, "shop")
        assert (run.state, exit_code(run)) == (RunState.SUCCEEDED, "EARLY TERMINATION")
        assert await states_of(board, run) == {"load": "abandoned"}
        with pytest.raises(Exception, match="succeeded") as refusal:
            await ran_again(board, run)
        assert refusal.value.code == "instance_already_complete"  # type: ignore[attr-defined]


async def test_a_failed_step_may_fail_the_run_by_another_code() -> None:
    shop = Shop("load", "settle", load="FAILED")
    shop.job.flow = Flow("load").on("FAILED").fail("LOAD_FAILED").on("*").to("settle")
    async with a_board(shop.job) as board:
        run = await ran(board, "shop")
        assert run.state is RunState.FAILED
        assert run.error is not None
        assert (run.error.type, exit_code(run)) == ("ValueError", "LOAD_FAILED")
        shop.codes.clear()
        assert (await ran_again(board, run)).state is RunState.SUCCEEDED
    assert shop.log == ["load", "load", "settle"]


async def test_a_run_that_stops_itself_goes_on_where_it_said() -> None:
    """Cases 118 and 119."""
    for code, state in (("SKIPS", "succeeded"), ("FAILED", "abandoned")):
        shop = Shop("s1", "s2", s1=code)
        shop.job.flow = Flow("s1").on("*").stop(resume_at="s2")
        async with a_board(shop.job) as board:
            run = await ran(board, "shop")
            assert (run.state, exit_code(run)) == (RunState.STOPPED, "STOPPED")
            assert await states_of(board, run) == {"s1": state}
            again = await ran_again(board, run)
            assert (again.state, exit_code(again)) == (RunState.SUCCEEDED, "COMPLETED")
            assert await states_of(board, again) == {"s2": "succeeded"}
        assert shop.log == ["s1", "s2"]


async def test_a_code_that_no_transition_matches_fails_the_run() -> None:
    """Case 121."""
    shop = Shop("load", "settle", load="FOO")
    shop.job.flow = Flow("load").on("COMPLETED").to("settle")
    async with a_board(shop.job) as board:
        run = await ran(board, "shop")
        assert run.state is RunState.FAILED
        assert run.error is not None
        assert run.error.type == "NO_TRANSITION"
        assert run.error.message == "step 'load' ended with 'FOO': no transition matches that code"


async def test_a_decision_is_recorded_and_not_made_again() -> None:
    """Case 122, #1472."""
    shop = Shop("load", "foo", "bar", choose="FOO", foo="FAILED")
    flow = Flow("load").next(shop.says("choose")).on("FOO").to("foo").on("*").to("bar")
    shop.job.flow = flow
    async with a_board(shop.job) as board:
        run = await ran(board, "shop")
        shop.codes = {"choose": "BAR"}
        again = await ran_again(board, run)
        assert again.state is RunState.SUCCEEDED
    assert shop.log == ["load", "choose", "foo", "foo"]


async def test_a_decider_that_raises_fails_the_run_and_is_asked_again() -> None:
    """Case 122."""
    shop = Shop("load")
    shop.job.flow = Flow(shop.says("choose")).on("*").to("load")
    async with a_board(shop.job) as board:
        run = await ran(board, "shop")
        assert run.state is RunState.FAILED
        assert run.error is not None
        assert run.error.type == "KeyError"
        shop.codes = {"choose": "GO"}
        assert (await ran_again(board, run)).state is RunState.SUCCEEDED
    assert shop.log == ["choose", "choose", "load"]


@pytest.mark.parametrize("answer", ["", "two\nlines", "x" * 256, None])
async def test_what_cannot_be_an_exit_code_is_no_decision(answer: Any) -> None:
    job = BatchJob("shop")
    job.add(a_step("load"))
    job.flow = Flow(decider("choose", lambda ctx: answer)).on("*").to("load")
    async with a_board(job) as board:
        run = await ran(board, "shop")
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "the answer of decider choose" in run.error.message


async def test_a_loop_runs_its_steps_in_each_round_also_behind_a_restart() -> None:
    """Case 124, #906."""
    shop = Shop("fetch", "store")
    rounds = iter(["AGAIN", "DONE"])

    def more(ctx: JobContext) -> str:
        return next(rounds)

    again = decider("more", more)
    flow = Flow("fetch").next("store").next(again).on("AGAIN").to("fetch").on("DONE").end()
    shop.job.flow = flow

    fetch = shop.steps["fetch"].function
    is_broken = True

    async def broken_in_round_two(ctx: StepContext) -> None:
        await fetch(ctx)
        if ctx.visit == 2 and is_broken:
            raise ValueError("broken")

    shop.steps["fetch"].function = broken_in_round_two
    async with a_board(shop.job) as board:
        run = await ran(board, "shop")
        assert await states_of(board, run) == {
            "fetch": "succeeded",
            "store": "succeeded",
            "fetch#2": "failed",
        }
        is_broken = False
        last = await ran_again(board, run)
        assert last.state is RunState.SUCCEEDED
        assert await states_of(board, last) == {"fetch#2": "succeeded", "store#2": "succeeded"}
    assert shop.log == ["fetch", "store", "fetch", "fetch", "store"]


async def test_flows_of_a_split_run_side_by_side_and_all_are_awaited() -> None:
    shop = Shop("repair", "after")
    here, there, has_failed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @shop.job.step
    async def one(ctx: StepContext) -> None:
        here.set()
        await there.wait()
        raise ValueError("broken")

    @shop.job.step
    async def two(ctx: StepContext) -> None:
        await here.wait()
        there.set()
        await has_failed.wait()
        shop.log.append("two")

    @one.after
    def _(step: StepExecution) -> None:
        has_failed.set()

    both = split(one, two, name="both")
    shop.job.flow = Flow(both).on("FAILED").to("repair").on("*").to("after")
    async with a_board(shop.job) as board:
        run = await ran(board, "shop")
        assert run.state is RunState.SUCCEEDED
        assert await states_of(board, run) == {
            "one": "failed",
            "two": "succeeded",
            "repair": "succeeded",
        }
        history = await board.operator.history(run.terms.instance_id)  # type: ignore[union-attr,arg-type]
        assert [(move.node, move.code, move.target) for move in history.moves] == [
            ("both", "FAILED", {"to": "repair"})
        ]
    assert shop.log == ["two", "repair"]


async def test_a_restart_runs_the_failed_flow_of_a_split_alone() -> None:
    shop = Shop("one", "two", "after", one="FAILED")
    shop.job.flow = Flow(split("one", "two", name="both")).next("after")
    async with a_board(shop.job) as board:
        run = await ran(board, "shop")
        assert (run.state, exit_code(run)) == (RunState.FAILED, "FAILED")
        shop.codes.clear()
        again = await ran_again(board, run)
        assert await states_of(board, again) == {"one": "succeeded", "after": "succeeded"}


async def test_a_stop_in_a_split_stops_each_flow_at_its_boundary() -> None:
    job, begun = BatchJob("shop"), asyncio.Event()
    is_held = True

    async def work(ctx: StepContext) -> None:
        begun.set()
        while is_held:
            ctx.check_stop()
            await asyncio.sleep(0.001)

    for name in ("one", "two"):
        job.step(name)(work)
    job.flow = Flow(split("one", "two", name="both")).on("*").end("DONE")
    async with a_board(job) as board:
        run = await board.operator.start("shop")
        await begun.wait()
        ended = await stopped(board, run)
        assert ended.state is RunState.STOPPED
        assert await states_of(board, ended) == {"one": "stopped", "two": "stopped"}
        is_held = False
        again = await ran_again(board, ended)
        assert (again.state, exit_code(again)) == (RunState.SUCCEEDED, "DONE")


async def test_what_a_restart_would_do_is_what_it_does() -> None:
    shop = Shop("load", "settle", "foo", "bar", choose="FOO", settle="FAILED")
    flow = Flow("load").next(shop.says("choose")).on("FOO").to("settle").on("*").to("bar")
    shop.job.flow = flow.at("settle").next("foo")
    async with a_board(shop.job) as board:
        run = await ran(board, "shop")
        told = [
            (line.name, line.what.value) for line in await board.operator.explain_restart(run.id)
        ]
        assert told == [
            ("load", "skip"),
            ("choose", "replay"),
            ("settle", "run"),
            ("foo", "run"),
            ("COMPLETED", "end"),
        ]
        shop.codes.clear()
        again = await ran_again(board, run)
        assert list(await states_of(board, again)) == ["settle", "foo"]
