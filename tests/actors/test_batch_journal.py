"""The journal of a node: what the engine stores of its runs, and the runs of job steps."""

from __future__ import annotations

import pytest

from callboard import RunState
from callboard.batch_journal import BatchJournal
from callboard.commands import ParkRun, StopRun
from callboard.domain.batch_definition import definition_of_spec
from callboard.domain.batch_step import Move, StepCounts, StepExecution, StepState
from callboard.domain.run import Run, RunError, StopMode
from callboard.errors import Conflict, InvalidInput, NotFound
from callboard.testing import VirtualClock
from support.batch_node import BatchNode, batch_job
from support.boards import meanwhile

MONDAY = "2026-01-05"


@pytest.fixture
async def node(node: BatchNode) -> BatchNode:
    await node.define(batch_job("child"))
    return node


@pytest.fixture
def journal(node: BatchNode, clock: VirtualClock) -> BatchJournal:
    return BatchJournal(node.ask, clock)


@pytest.fixture
async def run(node: BatchNode) -> Run:
    await node.start(day=MONDAY)
    run = await node.claim()
    await node.begin(run)
    return run


@pytest.fixture
async def step(node: BatchNode, run: Run) -> StepExecution:
    return await node.step(run)


async def test_a_step_is_stored_from_its_beginning_to_its_end(
    node: BatchNode, journal: BatchJournal, run: Run
):
    definition = definition_of_spec(batch_job().spec)
    assert (await journal.begin_run(run, definition)).steps == ()
    step = await journal.begin_step(run, "load", 1, start_limit=2)
    await journal.keep_plan(step, ({"name": "a", "inputs": {}},))
    await journal.keep_expected(step, 5)
    await journal.record_moves(run, (Move(node="x", code="Y", target={"end": "Y"}),))
    await journal.end_step(
        run,
        step,
        StepState.SUCCEEDED,
        "COMPLETED",
        context={"seen": 1},
        counts=StepCounts(reads=1),
        job_context={"loaded": 1},
    )
    history = await node.history(run)
    (ended,) = history.steps
    assert (ended.state, ended.expected, ended.counts.reads) == (StepState.SUCCEEDED, 5, 1)
    assert history.runs[0].context == {"loaded": 1}
    assert [move.node for move in history.moves] == ["x"]


async def test_a_child_is_the_same_for_the_same_step(
    node: BatchNode, journal: BatchJournal, run: Run, step: StepExecution
):
    first = await journal.start_child(run, step, "child", {"day": MONDAY})
    assert await journal.start_child(run, step, "child", {"day": MONDAY}) == first
    assert (await node.present(first)).job == "child"


async def test_a_child_that_has_failed_is_restarted(
    node: BatchNode, journal: BatchJournal, run: Run, step: StepExecution
):
    """Case 130."""
    first = await journal.start_child(run, step, "child", {"day": MONDAY})
    await node.run(RunState.FAILED)
    second = await journal.start_child(run, step, "child", {"day": MONDAY})
    assert (await node.present(second)).previous_run_id == first
    await node.run()
    assert await journal.start_child(run, step, "child", {"day": MONDAY}) == second


async def test_a_child_that_somebody_else_has_started_is_refused(
    node: BatchNode, journal: BatchJournal, run: Run, step: StepExecution
):
    await node.start("child", day=MONDAY)
    with pytest.raises(Conflict) as refusal:
        await journal.start_child(run, step, "child", {"day": MONDAY})
    assert refusal.value.code == "instance_already_exists"


async def test_wrong_parameters_of_a_child_are_named(
    journal: BatchJournal, run: Run, step: StepExecution
):
    with pytest.raises(InvalidInput) as refusal:
        await journal.start_child(run, step, "child", {"day": "someday"})
    assert [problem.field for problem in refusal.value.problems] == ["arguments.day"]


async def test_a_child_is_waited_for(
    node: BatchNode, journal: BatchJournal, clock: VirtualClock, run: Run, step: StepExecution
):
    child = await journal.start_child(run, step, "child", {"day": MONDAY})

    async def end_later() -> None:
        await clock.sleep_until(clock.monotonic() + 10)
        await node.run()

    await meanwhile(clock, end_later())
    assert (await meanwhile(clock, journal.wait_child(child))).state is RunState.SUCCEEDED
    with pytest.raises(NotFound):
        await journal.wait_child(4711)


async def test_a_parked_child_is_not_waited_for(
    node: BatchNode, journal: BatchJournal, run: Run, step: StepExecution
):
    child = await journal.start_child(run, step, "child", {"day": MONDAY})
    held = await node.claim()
    error = RunError(type="UnknownHandler", message="no code")
    await node.ask(ParkRun(run_id=child, epoch=held.epoch or 0, error=error))
    assert (await journal.wait_child(child)).state is RunState.PARKED


async def test_a_child_that_has_ended_is_stopped_without_a_word(
    node: BatchNode, journal: BatchJournal, run: Run, step: StepExecution
):
    child = await journal.start_child(run, step, "child", {"day": MONDAY})
    await journal.stop_child(child)
    assert (await node.present(child)).state is RunState.STOPPED
    await journal.stop_child(child)


async def test_a_stopped_child_is_restarted_by_one_alone(
    node: BatchNode, journal: BatchJournal, run: Run, step: StepExecution
):
    child = await journal.start_child(run, step, "child", {"day": MONDAY})
    await node.ask(StopRun(run_id=child, mode=StopMode.COOPERATIVE))
    restarted = await node.restart(child)
    assert await journal.start_child(run, step, "child", {"day": MONDAY}) == restarted.id
