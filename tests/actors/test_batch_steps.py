"""A batch run begins on its node, and its steps begin and end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callboard import RunState
from callboard.commands import (
    BeginStep,
    CreateTrigger,
    FireTrigger,
    KeepExpected,
    KeepPlan,
    RecordMoves,
    StartWorkflow,
)
from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_step import Checkpoint, Move, StepCounts, StepExecution, StepState
from callboard.domain.run import Run
from callboard.domain.schedule import on_demand
from callboard.domain.trigger import Action, Trigger
from callboard.domain.workflow import Workflow
from callboard.errors import Conflict, InvalidInput
from callboard.store.contract_chunks import StepNotHeld
from support.batch_node import DAY, NOTE, NUMBER, BatchNode, batch_job, ending
from support.factories import make_job

MONDAY = "2026-01-05"


async def begun(node: BatchNode, job: str = "settlement") -> Run:
    await node.start(job, day=MONDAY)
    run = await node.claim()
    await node.begin(run)
    return run


async def failed_step(node: BatchNode, run: Run, **end: Any) -> StepExecution:
    step = await node.step(run)
    await node.end_step(step, StepState.FAILED, **end)
    return step


async def test_a_run_that_begins_is_told_all_that_its_instance_has_done(node: BatchNode):
    await node.start(day=MONDAY)
    run = await node.claim()
    history = await node.begin(run)
    assert (history.instance.live_run_id, history.steps, history.moves) == (run.id, (), ())
    assert history.runs[0].begun_at is not None
    assert history.runs[0].definition["steps"] == [
        {"name": "load", "kind": "tasklet"},
        {"name": "settle", "kind": "tasklet"},
    ]


async def test_a_step_begins_with_nothing(node: BatchNode):
    run = await begun(node)
    step = await node.step(run)
    assert (step.run_id, step.state, step.exit_code) == (run.id, StepState.RUNNING, "EXECUTING")
    assert (step.checkpoint, step.first_id, step.visit) == (Checkpoint(), step.id, 1)


async def test_a_step_that_is_begun_twice_is_the_same(node: BatchNode):
    """The answer to the first time was lost."""
    run = await begun(node)
    assert await node.step(run) == await node.step(run)


async def test_the_end_of_a_step_keeps_what_it_knows_and_the_jobs_context(node: BatchNode):
    """Case 79: they are one commit."""
    run = await begun(node)
    step = await node.step(run)
    counts = StepCounts(reads=4, writes=3, filters=1)
    move = Move(node="load", code="COMPLETED", target={"to": "settle"})
    await node.end_step(
        step, context={"seen": 4}, counts=counts, job_context={"loaded": 3}, moves=(move,)
    )
    history = await node.history(run)
    (ended,) = history.steps
    assert (ended.state, ended.exit_code) == (StepState.SUCCEEDED, "COMPLETED")
    assert ended.checkpoint == Checkpoint(context={"seen": 4}, counts=counts)
    assert ended.ended_at is not None
    assert history.runs[0].context == {"loaded": 3}
    assert [(each.node, each.run_id, each.target) for each in history.moves] == [
        ("load", run.id, {"to": "settle"})
    ]


async def test_a_step_that_has_ended_so_ends_so_again(node: BatchNode):
    run = await begun(node)
    step = await node.step(run)
    await node.end_step(step)
    await node.end_step(step)
    with pytest.raises(StepNotHeld):
        await node.end_step(step, StepState.FAILED)


async def test_a_failed_step_goes_on_where_it_got_to(node: BatchNode):
    """Case 43: its counters begin at 0."""
    run = await begun(node)
    first = await failed_step(node, run, context={"seen": 2}, counts=StepCounts(reads=2))
    step = await node.step(run)
    assert step.id != first.id
    assert step.first_id == first.id
    assert step.checkpoint == Checkpoint(context={"seen": 2})


async def test_a_step_that_is_executed_again_knows_nothing_of_before(node: BatchNode):
    """Case 52."""
    run = await begun(node)
    await node.end_step(await node.step(run), context={"seen": 2})
    step = await node.step(run, is_again=True)
    assert (step.checkpoint, step.first_id) == (Checkpoint(), step.id)


async def test_another_visit_begins_anew(node: BatchNode):
    run = await begun(node)
    await failed_step(node, run, context={"seen": 2})
    step = await node.ask(BeginStep(run_id=run.id, epoch=run.epoch or 0, name="load", visit=2))
    assert (step.visit, step.checkpoint) == (2, Checkpoint())


async def test_a_start_limit_is_one_over_all_runs_of_the_instance(node: BatchNode):
    """Case 55, B17: nothing is stored of the step that is one too many."""
    run = await begun(node)
    await failed_step(node, run)
    await node.end(run, RunState.FAILED)
    await node.restart(run.id)
    again = await node.claim()
    await node.begin(again)
    await node.step(again, "settle", start_limit=1)
    with pytest.raises(Conflict) as refusal:
        await node.step(again, start_limit=1)
    assert refusal.value.code == "start_limit_exceeded"
    assert refusal.value.facts == {"step": "load", "start_limit": 1}
    assert len((await node.history(run)).steps) == 2


async def test_another_instance_has_a_start_limit_of_its_own(node: BatchNode):
    """Case 56."""
    run = await begun(node)
    await failed_step(node, run)
    await node.end(run, RunState.FAILED)
    await node.start(day="2026-02-02")
    other = await node.claim()
    await node.begin(other)
    assert (await node.step(other, start_limit=1)).state is StepState.RUNNING


async def test_a_plan_is_kept_and_goes_on_with_the_step(node: BatchNode):
    run = await begun(node)
    step = await node.step(run)
    plan = ({"name": "north", "inputs": {"region": 1}},)
    await node.ask(KeepPlan(step_id=step.id, plan=plan))
    await node.ask(KeepExpected(step_id=step.id, expected=10))
    await node.end_step(step, StepState.STOPPED)
    again = await node.step(run)
    assert (again.plan, again.expected) == (plan, 10)
    with pytest.raises(StepNotHeld):
        await node.ask(KeepPlan(step_id=step.id, plan=plan))


async def test_a_partition_names_its_step(node: BatchNode):
    run = await begun(node)
    manager = await node.step(run)
    partition = await node.step(run, "load:north", manager_id=manager.id)
    assert partition.manager_id == manager.id


async def test_moves_are_recorded_and_replaced(node: BatchNode):
    run = await begun(node)
    epoch = run.epoch or 0
    for target in ({"to": "a"}, {"to": "b"}):
        move = Move(node="choose", code="X", target=target)
        await node.ask(RecordMoves(run_id=run.id, epoch=epoch, moves=(move,)))
    moves = (await node.history(run)).moves
    assert [(move.node, move.target) for move in moves] == [("choose", {"to": "b"})]


@pytest.mark.parametrize("epoch", [None, 4711])
async def test_another_epoch_writes_nothing(node: BatchNode, epoch: int | None):
    """Case 80."""
    run = await begun(node)
    step = await node.step(run)
    foreign = epoch or (run.epoch or 0) + 1
    commands = [
        BeginStep(run_id=run.id, epoch=foreign, name="settle", visit=1),
        RecordMoves(run_id=run.id, epoch=foreign, moves=()),
        ending(step, foreign),
    ]
    answers = [(await node.committing.commit(command))[0] for command in commands]
    assert {answer.code for answer in answers} == {"run_not_held"}
    assert (await node.history(run)).steps == (step,)


async def test_a_step_of_another_run_is_not_ended(node: BatchNode):
    run = await begun(node)
    step = await node.step(run)
    await node.start(day="2026-02-02")
    other = await node.claim()
    await node.begin(other)
    with pytest.raises(StepNotHeld):
        await node.ask(ending(step, other.epoch, run_id=other.id))


# runs that nobody gave an instance


async def fired(node: BatchNode, job: str, **arguments: Any) -> Run:
    """A claimed run that a trigger has started."""
    action = Action(job=job, arguments=arguments)
    trigger = Trigger(name=f"by hand {job}", schedule=on_demand(), actions=(action,))
    await node.ask(CreateTrigger(trigger=trigger))
    return await fired_again(node, job)


async def fired_again(node: BatchNode, job: str) -> Run:
    await node.ask(FireTrigger(group="default", name=f"by hand {job}"))
    return await node.claim()


async def ended(node: BatchNode, run: Run) -> BatchHistory:
    await node.begin(run)
    await node.end(run)
    return await node.history(run)


async def test_a_run_of_a_trigger_gets_its_instance_when_it_begins(node: BatchNode):
    run = await fired(node, "settlement", day=MONDAY)
    assert (run.is_batch, run.instance_id) == (True, None)
    history = await node.begin(run)
    assert history.instance.parameters == {"day": MONDAY}
    assert history.instance.live_run_id == run.id
    assert (await node.present(run.id)).instance_id == history.instance.id
    assert (await node.begin(run)).instance == history.instance
    await node.end(run)
    assert (await node.instance(run)).state == "succeeded"


async def test_a_run_of_a_trigger_whose_instance_exists_is_refused(node: BatchNode):
    first = await node.start(day=MONDAY)
    await node.run()
    run = await fired(node, "settlement", day=MONDAY)
    with pytest.raises(Conflict) as refusal:
        await node.begin(run)
    assert refusal.value.code == "instance_already_exists"
    assert refusal.value.facts["last_run_id"] == first.id
    await node.end(run, RunState.FAILED)
    assert (await node.present(run.id)).state is RunState.FAILED
    assert (await node.restart(run.id)).previous_run_id == run.id


async def test_a_run_of_a_trigger_goes_on_from_the_last_instance(node: BatchNode):
    await node.define(batch_job("counted", parameters=[NUMBER, NOTE]))
    first = await ended(node, await fired(node, "counted"))
    second = await ended(node, await fired_again(node, "counted"))
    assert [each.runs[0].arguments for each in (first, second)] == [{"number": 1}, {"number": 2}]


async def test_a_run_of_a_trigger_whose_parameters_are_wrong_is_refused(node: BatchNode):
    """They were right when the trigger was made."""
    job = await node.define(batch_job("strict", parameters=[{"name": "day", "type": "string"}]))
    run = await fired(node, "strict", day="someday")
    async with node.store.begin() as tx:
        await tx.update_job(replace(job, spec={**job.spec, "parameters": [DAY]}))
    with pytest.raises(InvalidInput) as refusal:
        await node.begin(run)
    assert [problem.field for problem in refusal.value.problems] == ["arguments.day"]


async def test_a_run_of_a_workflow_gets_its_instance_when_it_begins(node: BatchNode):
    async with node.store.begin() as tx:
        await tx.insert_workflow(Workflow(name="w"))
    action = Action(job="settlement", arguments={"day": MONDAY})
    trigger = Trigger(name="t", schedule=on_demand(), actions=(action,), workflow="w")
    await node.ask(CreateTrigger(trigger=trigger))
    started = await node.ask(StartWorkflow(group="default", name="w"))
    run = await node.claim()
    await node.begin(run)
    await node.end(run)
    assert (await node.instance(run)).state == "succeeded"
    workflow_run = await node.store.get_workflow_run(started.id)
    assert workflow_run is not None
    assert workflow_run.has_ended


async def test_a_next_attempt_of_a_run_without_an_instance_gets_one_itself(node: BatchNode):
    run = await fired(node, "settlement", day=MONDAY)
    await node.end(run, RunState.FAILED, retry_after_s=0.0)
    again = await node.claim()
    assert (again.attempt, again.instance_id) == (2, None)
    assert (await node.begin(again)).instance.live_run_id == again.id


async def test_a_run_that_was_queued_for_another_kind_of_job_does_not_begin(node: BatchNode):
    """Its terms do not say that its end settles an instance."""
    job = await node.define(make_job("changed"))
    run = await node.start("changed")
    async with node.store.begin() as tx:
        await tx.update_job(replace(batch_job("changed"), id=job.id, version=job.version))
    claimed = await node.claim()
    assert claimed.id == run.id
    with pytest.raises(Conflict) as refusal:
        await node.begin(claimed)
    assert refusal.value.code == "not_batch"
