"""The journal of a node: what the engine stores of its runs, and the runs of job steps."""

from __future__ import annotations

import asyncio
from typing import Any

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
from support.factories import make_job, make_run

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


async def test_a_run_begins_with_all_but_the_partitions_in_pages(
    node: BatchNode, journal: BatchJournal, run: Run, monkeypatch: pytest.MonkeyPatch
):
    """However many there are, no read takes long, and the transaction takes none of them."""
    monkeypatch.setattr("callboard.batch_journal.PAGE", 2)
    managers = [await node.step(run, f"step{n}") for n in range(3)]
    for name in "acb":
        await node.end_step(await node.step(run, f"step0:{name}", manager_id=managers[0].id))
    places = [("step0", 1), ("step0", 2), ("step1", 1), ("step1", 2), ("step2", 1)]
    moves = [Move(node=name, visit=visit, code="Y", target={"end": "Y"}) for name, visit in places]
    await journal.record_moves(run, tuple(reversed(moves)))
    steps = [{"name": name, "kind": "tasklet"} for name in ("step0", "step1", "step2")]
    history = await journal.begin_run(run, definition_of_spec({"steps": steps}))
    assert [step.name for step in history.steps] == ["step0", "step1", "step2"]
    assert {step.exit_code for step in history.steps} == {"LOST"}
    assert [(move.node, move.visit) for move in history.moves] == places
    partitions = await journal.partitions(managers[0])
    assert sorted(each.name for each in partitions) == ["step0:a", "step0:b", "step0:c"]
    assert {each.manager_id for each in partitions} == {managers[0].id}


async def test_a_step_that_goes_on_knows_what_those_before_it_have_counted(
    node: BatchNode, journal: BatchJournal, run: Run, step: StepExecution
):
    counts = StepCounts(reads=3, writes=2)
    await node.end_step(step, StepState.FAILED, counts=counts)
    again = await node.step(run)
    assert await journal.counts_before(again) == {step.id: counts}
    assert await journal.counts_before(step) == {}


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


async def test_a_known_child_is_found_when_nobody_knows_the_key_of_its_start_any_more(
    node: BatchNode, journal: BatchJournal, run: Run, step: StepExecution
):
    """Keys are kept for a day."""
    first = await journal.start_child(run, step, "child", {"day": MONDAY})
    async with node.store.begin() as tx:
        await tx.delete_idempotency(f"child {step.instance_id} {step.visit} {step.name}")
    found = await journal.start_child(run, step, "child", {"day": MONDAY}, known=first)
    assert found == first


async def test_a_known_child_whose_instance_was_deleted_is_started_anew(
    journal: BatchJournal, run: Run, step: StepExecution
):
    gone = 4711
    assert await journal.start_child(run, step, "child", {"day": MONDAY}, known=gone) != gone


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


async def test_very_many_that_wait_look_no_more_often_than_a_few(clock: VirtualClock) -> None:
    """However many runs wait on one node, it asks about a hundred times a second."""
    looks = 0

    async def ask(command: Any) -> Any:
        nonlocal looks
        looks += 1
        return make_run(command.run_id, make_job(), state=RunState.RUNNING)

    journal = BatchJournal(ask, clock)
    waiting = [asyncio.create_task(journal.wait_child(n)) for n in range(1, 2001)]
    await clock.advance(100)
    looks = 0
    await clock.advance(60)
    assert looks <= 60 * 100 + len(waiting)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


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
