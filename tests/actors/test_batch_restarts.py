"""Restarts of batch runs: who may follow whom, and what the new run begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callboard import RunState
from callboard.commands import (
    DeleteJob,
    ParkRun,
    RestartRun,
    RetryRun,
    RetryRuns,
    StopRun,
)
from callboard.domain.batch_instance import InstanceState
from callboard.domain.batch_step import Checkpoint, StepState
from callboard.domain.job import OnFull
from callboard.domain.json import Json
from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.states import UNSUCCESSFUL
from callboard.errors import Conflict, InvalidInput, NotFound
from callboard.store.contract import Cutoffs
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.batch_node import LOAD, SETTLE, BatchNode, batch_job
from support.factories import make_job

MONDAY = "2026-01-05"
RETRIED = sorted(UNSUCCESSFUL - {RunState.ABANDONED})


async def refused(node: BatchNode, run: Run, **steps: Json) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        await node.restart(run.id, **steps)
    return refusal.value


async def failed(node: BatchNode, *, at: str = "load", **end: Any) -> Run:
    """A run that has failed at the step; those before it have succeeded."""
    started = await node.start(day=MONDAY)
    run = await node.claim()
    await node.begin(run)
    if at != "load":
        await node.end_step(await node.step(run, "load"), job_context={"loaded": 3})
    step = await node.step(run, at)
    await node.end_step(step, StepState.FAILED, **end)
    await node.end(run, RunState.FAILED)
    return await node.present(started.id)


@pytest.mark.parametrize("state", RETRIED)
async def test_a_run_that_did_not_succeed_can_be_restarted(node: BatchNode, state: RunState):
    """Case 40."""
    first = await node.start(day=MONDAY, note="n")
    await node.run(state)
    run = await node.restart(first.id)
    instance = await node.instance(first)
    assert (instance.state, instance.live_run_id, instance.last_run_id) == ("live", run.id, run.id)
    assert run.instance_id == instance.id
    assert (run.previous_run_id, run.chain_id, run.attempt) == (first.id, first.chain_id, 2)
    assert run.arguments == first.arguments
    assert (await node.history(run)).runs[1].arguments == first.arguments


async def test_a_restart_goes_on_with_the_jobs_context_and_the_steps(node: BatchNode):
    """Case 53."""
    first = await failed(node, at="settle", context={"seen": 2}, job_context={"loaded": 4})
    await node.restart(first.id)
    run = await node.claim()
    history = await node.begin(run)
    assert [batch.context for batch in history.runs] == [{"loaded": 4}] * 2
    assert [(step.name, step.state) for step in history.steps] == [
        ("load", StepState.SUCCEEDED),
        ("settle", StepState.FAILED),
    ]
    step = await node.step(run, "settle")
    assert step.checkpoint == Checkpoint(context={"seen": 2})
    assert step.first_id == history.steps[1].id


async def test_a_microsecond_is_not_lost_between_runs(node: BatchNode):
    """Case 10."""
    rule = {"name": "at", "type": "datetime"}
    await node.define(batch_job("fine", parameters=[rule]))
    first = await node.start("fine", at="2026-01-05T10:00:00.123456Z")
    await node.run(RunState.FAILED)
    run = await node.restart(first.id)
    assert run.arguments == {"at": "2026-01-05T10:00:00.123456Z"}
    assert run.instance_id == first.instance_id


async def test_an_instance_that_has_succeeded_is_not_restarted(node: BatchNode):
    """Case 44, B12."""
    run = await node.start(day=MONDAY)
    await node.run()
    refusal = await refused(node, run)
    assert refusal.code == "instance_already_complete"
    assert refusal.facts["instance_id"] == run.instance_id
    assert refusal.facts["state"] == "succeeded"


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.STOPPING])
async def test_a_live_run_is_in_the_way_of_a_restart(node: BatchNode, state: RunState):
    """Case 46, B13."""
    run = await node.start(day=MONDAY)
    if state is not RunState.QUEUED:
        await node.claim()
    if state is RunState.STOPPING:
        await node.ask(StopRun(run_id=run.id, mode=StopMode.COOPERATIVE))
    refusal = await refused(node, run)
    assert refusal.code == "run_already_running"
    assert refusal.facts == {"instance_id": run.instance_id, "run_id": run.id}
    assert state.value in str(refusal)


async def test_an_earlier_run_is_refused_while_a_later_one_is_live(node: BatchNode):
    first = await failed(node)
    second = await node.restart(first.id)
    refusal = await refused(node, first)
    assert refusal.facts["run_id"] == second.id


async def test_a_parked_run_has_to_be_decided_first(node: BatchNode):
    """B14."""
    await node.start(day=MONDAY)
    run = await node.claim()
    error = RunError(type="DefinitionChanged", message="other code")
    await node.ask(ParkRun(run_id=run.id, epoch=run.epoch or 0, error=error))
    refusal = await refused(node, run)
    assert (refusal.code, refusal.facts["state"]) == ("run_state_unknown", "parked")
    released = await node.ask(RetryRun(run_id=run.id))
    assert (released.id, released.state) == (run.id, RunState.QUEUED)
    assert (await node.instance(run)).live_run_id == run.id


async def test_a_step_that_is_said_to_run_has_to_be_decided_first(
    node: BatchNode, store: MemoryStore
):
    """Cases 47 and 128, B14: only what wrote past the rules leaves such a one."""
    first = await failed(node)
    step = (await node.history(first)).steps[0]
    async with store.begin() as tx:
        await tx.insert_step(replace(step, id=0, name="left", state=StepState.RUNNING))
    assert (await refused(node, first)).code == "run_state_unknown"


async def test_a_job_that_is_not_restartable_says_so(node: BatchNode):
    await node.define(batch_job("once", restartable=False))
    run = await node.start("once", day=MONDAY)
    await node.run(RunState.FAILED)
    assert (await refused(node, run)).code == "job_not_restartable"


async def test_a_disabled_job_is_not_restarted(node: BatchNode, store: MemoryStore):
    first = await failed(node)
    job = await store.get_job("default", "settlement")
    assert job is not None
    async with store.begin() as tx:
        await tx.update_job(replace(job, disabled=True))
    assert (await refused(node, first)).code == "job_disabled"


async def test_a_run_of_a_deleted_job_is_not_restarted_and_its_history_stays(node: BatchNode):
    """Case 49."""
    first = await failed(node)
    await node.ask(DeleteJob(group="default", name="settlement"))
    with pytest.raises(NotFound, match="job 'settlement'"):
        await node.restart(first.id)
    assert len((await node.history(first)).steps) == 1


async def test_a_job_made_anew_goes_on_with_the_instances_of_its_name(node: BatchNode):
    first = await failed(node)
    await node.ask(DeleteJob(group="default", name="settlement"))
    job = await node.define()
    run = await node.restart(first.id)
    assert (run.job_id, run.instance_id) == (job.id, first.instance_id)


async def test_an_unknown_run_is_not_found(node: BatchNode):
    """Case 26."""
    with pytest.raises(NotFound, match="run '4711'"):
        await node.restart(4711)


async def test_a_run_of_another_kind_is_no_batch_run(node: BatchNode):
    await node.define(make_job("plain"))
    run = await node.start("plain")
    assert (await refused(node, run)).code == "not_batch"


async def test_an_earlier_run_lends_its_parameters_and_the_last_one_its_place(node: BatchNode):
    """Case 61."""
    first = await node.start(day=MONDAY, note="first")
    await node.run(RunState.FAILED)
    second = await node.restart(first.id)
    held = await node.claim()
    await node.begin(held)
    step = await node.step(held)
    await node.end_step(step, StepState.FAILED, context={"seen": 7}, job_context={"by": "second"})
    await node.end(held, RunState.FAILED)
    third = await node.restart(first.id)
    assert third.attempt == second.attempt + 1
    held = await node.claim()
    history = await node.begin(held)
    assert history.runs[-1].context == {"by": "second"}
    assert history.runs[-1].arguments["note"] == "first"
    assert (await node.step(held)).checkpoint.context == {"seen": 7}


async def test_of_restarts_that_share_a_commit_one_wins(node: BatchNode):
    """Case 50, on one node."""
    first = await failed(node)
    answers = await node.committing.commit(*[RestartRun(run_id=first.id)] * 5)
    assert answers[0].state is RunState.QUEUED
    assert {answer.code for answer in answers[1:]} == {"run_already_running"}
    assert {answer.facts["run_id"] for answer in answers[1:]} == {answers[0].id}


async def test_the_same_idempotency_key_restarts_once(node: BatchNode):
    first = await failed(node)
    command = RestartRun(run_id=first.id, idempotency_key="k")
    run = await node.ask(command)
    assert (await node.ask(command)).id == run.id


async def test_a_retry_is_a_restart(node: BatchNode):
    first = await failed(node)
    run = await node.ask(RetryRun(run_id=first.id))
    assert (await node.instance(run)).live_run_id == run.id
    with pytest.raises(Conflict) as refusal:
        await node.ask(RetryRun(run_id=first.id))
    assert refusal.value.code == "run_already_running"


async def test_a_bulk_retry_restarts_what_can_be(node: BatchNode):
    first = await failed(node)
    done = await node.start(day="2026-01-06")
    await node.run()
    ids = (first.id, done.id)
    states = (RunState.FAILED, RunState.SUCCEEDED)
    dry = await node.ask(RetryRuns(run_ids=ids, states=states, dry_run=True))
    assert dry == (first.id,)
    (run_id,) = await node.ask(RetryRuns(run_ids=ids, states=states))
    assert (await node.instance(first)).live_run_id == run_id


async def test_the_next_attempt_of_a_failed_run_is_a_restart(node: BatchNode):
    await node.start(day=MONDAY, note="n")
    run = await node.claim()
    await node.begin(run)
    await node.end_step(await node.step(run), StepState.FAILED, job_context={"a": 1})
    await node.end(run, RunState.FAILED, retry_after_s=0.0)
    instance = await node.instance(run)
    history = await node.history(run)
    assert (instance.state, instance.last_run_id) == (InstanceState.LIVE, instance.live_run_id)
    assert instance.live_run_id != run.id
    assert [batch.exit_code for batch in history.runs] == ["FAILED", "EXECUTING"]
    assert history.runs[1].context == {"a": 1}
    assert history.runs[1].arguments == {"day": MONDAY, "note": "n"}
    assert (await node.claim()).id == instance.live_run_id


async def test_a_run_that_is_not_restartable_has_no_next_attempt(node: BatchNode):
    await node.define(batch_job("once", restartable=False))
    run = await node.start("once", day=MONDAY)
    claimed = await node.claim()
    await node.begin(claimed)
    await node.end(claimed, RunState.FAILED, retry_after_s=0.0)
    ended = await node.present(run.id)
    assert ended.error is not None
    assert "not restartable" in ended.error.message
    assert (await node.instance(run)).state is InstanceState.FAILED


# the definition has changed


async def test_a_removed_step_is_refused_with_the_differences(node: BatchNode):
    """B18."""
    first = await failed(node)
    await node.replace_steps({**LOAD, "name": "load_orders"}, SETTLE)
    refusal = await refused(node, first)
    assert refusal.code == "definition_changed"
    differences: Any = refusal.facts["differences"]
    assert [each["step"] for each in differences] == ["load"]
    assert differences[0].keys() == {"step", "problem", "fix"}


async def test_a_renamed_step_is_mapped(node: BatchNode):
    """B18."""
    first = await failed(node, context={"seen": 2})
    await node.replace_steps({**LOAD, "name": "load_orders"}, SETTLE)
    await node.restart(first.id, load="load_orders")
    run = await node.claim()
    history = await node.begin(run)
    assert history.runs[-1].mapped == {"load": "load_orders"}
    assert [step.name for step in history.steps] == ["load_orders"]
    assert (await node.step(run, "load_orders")).checkpoint.context == {"seen": 2}


async def test_a_dropped_step_is_forgotten(node: BatchNode):
    first = await failed(node)
    await node.replace_steps(SETTLE)
    await node.restart(first.id, load=None)
    history = await node.begin(await node.claim())
    assert history.steps == ()


async def test_a_wrong_mapping_is_named_and_changes_nothing(node: BatchNode):
    first = await failed(node)
    with pytest.raises(InvalidInput) as refusal:
        await node.restart(first.id, laod="load")
    assert {problem.field for problem in refusal.value.problems} == {"steps.laod"}
    assert (await node.instance(first)).live_run_id is None


async def test_what_has_not_begun_may_change(node: BatchNode):
    first = await failed(node)
    await node.replace_steps(LOAD, {**SETTLE, "name": "book"})
    assert (await node.restart(first.id)).state is RunState.QUEUED


async def test_a_run_that_was_queued_again_begins_by_no_other_steps(node: BatchNode):
    """Its node died, and other code was deployed meanwhile."""
    await node.start(day=MONDAY)
    run = await node.claim()
    await node.begin(run)
    await node.step(run)
    await node.replace_steps(SETTLE)
    with pytest.raises(Conflict) as refusal:
        await node.begin(run)
    assert refusal.value.code == "definition_changed"


async def test_a_run_that_has_left_the_history_is_restarted_all_the_same(
    node: BatchNode, store: MemoryStore, clock: VirtualClock
):
    first = await failed(node)
    await clock.advance(10)
    await store.prune(Cutoffs(ended_runs=clock.now()))
    assert await store.get_run(first.id) is None
    run = await node.restart(first.id)
    assert (run.instance_id, run.arguments) == (first.instance_id, first.arguments)
    assert (run.previous_run_id, run.chain_id, run.attempt) == (first.id, first.chain_id, 2)
    history = await node.begin(await node.claim())
    assert [step.name for step in history.steps] == ["load"]


async def test_a_refused_restart_renames_no_steps(node: BatchNode):
    first = await failed(node)
    await node.replace_steps({**LOAD, "name": "load_orders"}, SETTLE)
    job = await node.store.get_job("default", "settlement")
    assert job is not None
    async with node.store.begin() as tx:
        full = replace(job, max_concurrent_runs=1, on_full=OnFull.REFUSE)
        await tx.update_job(full)
    await node.start(day="2026-02-02")
    assert (await refused(node, first, load="load_orders")).code == "job_full"
    assert [step.name for step in (await node.history(first)).steps] == ["load"]
