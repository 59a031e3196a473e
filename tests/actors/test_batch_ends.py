"""Ends of batch runs, whichever way they come, and the ways out that an operator has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from callboard import RunState
from callboard.commands import (
    AbandonRun,
    BeginStep,
    CreateJob,
    DeleteInstance,
    DeleteJob,
    HandBack,
    KeepExpected,
    KeepPlan,
    ParkRun,
    RecoverRun,
    RescueRuns,
    SnoozeRun,
    StopRun,
    TimeOutRuns,
)
from callboard.domain.batch_instance import BatchRun, InstanceState
from callboard.domain.batch_step import Checkpoint, StepCounts, StepExecution, StepState
from callboard.domain.job import OnCrash
from callboard.domain.run import Run, RunError, StopMode
from callboard.errors import Conflict, NotFound, TransactionConflict
from callboard.store.contract_chunks import StepNotHeld
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.batch_node import BatchNode, batch_job
from support.committing import Committing
from support.factories import LEASE, make_job

MONDAY = "2026-01-05"


async def working(node: BatchNode, job: str = "settlement") -> tuple[Run, StepExecution]:
    """A run in its first step."""
    await node.start(job, day=MONDAY)
    run = await node.claim()
    await node.begin(run)
    return run, await node.step(run)


async def the_batch_run(node: BatchNode, run: Run) -> BatchRun:
    return next(each for each in (await node.history(run)).runs if each.run_id == run.id)


async def the_step(node: BatchNode, step: StepExecution) -> StepExecution:
    stored = await node.store.get_step(step.id)
    assert stored is not None
    return stored


async def stopping(node: BatchNode, run: Run) -> Run:
    stopped: Run = await node.ask(StopRun(run_id=run.id, mode=StopMode.COOPERATIVE))
    return stopped


async def refused(node: BatchNode, command: object) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        await node.ask(command)
    return refusal.value


@pytest.mark.parametrize(
    ("state", "instance", "code"),
    [
        (RunState.SUCCEEDED, "succeeded", "COMPLETED"),
        (RunState.FAILED, "failed", "FAILED"),
        (RunState.TIMED_OUT, "failed", "FAILED"),
        (RunState.STOPPED, "stopped", "STOPPED"),
    ],
)
async def test_an_end_settles_the_instance_and_the_exit_code(
    node: BatchNode, state: RunState, instance: str, code: str
):
    await node.start(day=MONDAY)
    run = await node.run(state)
    present = await node.instance(run)
    assert (present.state.value, present.live_run_id) == (instance, None)
    assert (present.last_run_id, present.ended_at) == (run.id, run.ended_at)
    assert (await the_batch_run(node, run)).exit_code == code


async def test_the_exit_code_is_the_one_that_the_result_tells(node: BatchNode):
    """Case 23."""
    await node.start(day=MONDAY)
    run = await node.run(result={"exit_code": "COMPLETED WITH SKIPS"})
    assert (await the_batch_run(node, run)).exit_code == "COMPLETED WITH SKIPS"


async def test_an_error_is_the_exit_message(node: BatchNode):
    await node.start(day=MONDAY)
    run = await node.run(RunState.FAILED)
    assert (await the_batch_run(node, run)).exit_message == "ValueError: no such order"


async def test_a_run_that_waits_for_too_long_ends_its_instance(
    node: BatchNode, clock: VirtualClock
):
    await node.define(batch_job("late", queue_timeout_s=5.0))
    run = await node.start("late", day=MONDAY)
    await clock.advance(6)
    await node.ask(TimeOutRuns(limit=10))
    assert (await node.instance(run)).state is InstanceState.FAILED


async def test_a_queued_run_of_a_deleted_job_ends_its_instance(node: BatchNode):
    run = await node.start(day=MONDAY)
    await node.ask(DeleteJob(group="default", name="settlement"))
    assert (await node.instance(run)).state is InstanceState.STOPPED


async def test_a_run_that_ends_under_a_step_takes_it_along(node: BatchNode):
    run, step = await working(node)
    await node.end(run, RunState.FAILED)
    ended = await the_step(node, step)
    assert (ended.state, ended.exit_code) == (StepState.FAILED, "FAILED")
    assert ended.exit_message == "ValueError: no such order"
    assert ended.ended_at is not None


async def test_an_end_is_told_with_its_steps(node: BatchNode):
    run, step = await working(node)
    await node.end_step(step, counts=StepCounts(reads=3))
    await node.end(run)
    told = [event for event in node.committing.events if event.type.startswith("step.")]
    assert [event.type for event in told] == ["step.started", "step.ended"]
    assert told[1].subject["run_id"] == run.id
    assert told[1].subject["step"] == "load"
    assert told[1].subject["name"] == "settlement"
    assert told[1].subject["exit_code"] == "COMPLETED"
    assert told[1].subject["counts"]["reads"] == 3  # type: ignore[index, call-overload]


# stop


async def test_a_stop_has_no_end_of_its_grace_unless_one_is_given(node: BatchNode):
    """B01."""
    run, _ = await working(node)
    stopped = await stopping(node, run)
    assert (stopped.state, stopped.stop_grace_s) == (RunState.STOPPING, None)
    command = StopRun(run_id=run.id, mode=StopMode.COOPERATIVE, grace_s=5.0)
    assert (await node.ask(command)).stop_grace_s == 5.0


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED])
async def test_an_ended_run_is_not_stopped(node: BatchNode, state: RunState):
    """Case 29."""
    await node.start(day=MONDAY)
    run = await node.run(state)
    refusal = await refused(node, StopRun(run_id=run.id, mode=StopMode.COOPERATIVE))
    assert refusal.code == "run_not_running"
    assert refusal.facts == {
        "instance_id": run.instance_id,
        "run_id": run.id,
        "state": state.value,
    }


async def test_a_parked_run_can_be_stopped(node: BatchNode):
    run, step = await working(node)
    error = RunError(type="DefinitionChanged", message="other code")
    await node.ask(ParkRun(run_id=run.id, epoch=run.epoch or 0, error=error))
    assert (await node.instance(run)).live_run_id == run.id
    assert (await the_step(node, step)).state is StepState.FAILED
    await stopping(node, run)
    assert (await node.instance(run)).state is InstanceState.STOPPED


# nodes that are gone


async def rescued(node: BatchNode, clock: VirtualClock) -> None:
    await clock.advance(LEASE.total_seconds() + 1)
    await node.ask(RescueRuns(own_epoch=None, crash_budget=3))


async def test_a_run_whose_node_died_goes_on_as_the_same_run(node: BatchNode, clock: VirtualClock):
    """Crash matrix, mid-chunk: the checkpoint stays, the step has failed."""
    run, step = await working(node)
    await rescued(node, clock)
    lost = await the_step(node, step)
    assert (lost.state, lost.exit_code) == (StepState.FAILED, "LOST")
    instance = await node.instance(run)
    assert (instance.state, instance.live_run_id) == (InstanceState.LIVE, run.id)
    other = BatchNode(node.store, clock, "node-b")
    await clock.advance(60)
    again = await other.claim()
    assert again.id == run.id
    history = await other.begin(again)
    assert len(history.runs) == 1
    assert (await other.step(again)).first_id == step.first_id


async def test_a_dead_nodes_run_fails_where_its_job_says_so(node: BatchNode, clock: VirtualClock):
    """Case 76."""
    await node.define(batch_job("strict", on_crash=OnCrash.FAIL))
    run, step = await working(node, "strict")
    await rescued(node, clock)
    failed = await node.present(run.id)
    assert failed.state is RunState.FAILED
    assert failed.error is not None
    assert (await node.instance(run)).state is InstanceState.FAILED
    lost = await the_step(node, step)
    assert (lost.state, lost.exit_code) == (StepState.FAILED, "LOST")
    assert lost.exit_message is not None
    assert failed.error.message in lost.exit_message
    assert (await node.restart(run.id)).state is RunState.QUEUED


async def test_a_dead_nodes_run_is_parked_where_its_job_says_so(
    node: BatchNode, clock: VirtualClock
):
    await node.define(batch_job("careful", on_crash=OnCrash.PARK))
    run, step = await working(node, "careful")
    await rescued(node, clock)
    assert (await node.present(run.id)).state is RunState.PARKED
    assert (await node.instance(run)).live_run_id == run.id
    assert (await the_step(node, step)).exit_code == "LOST"


async def test_a_dead_nodes_stopping_run_is_stopped_and_restartable(
    node: BatchNode, clock: VirtualClock
):
    """Crash matrix, during stopping."""
    run, step = await working(node)
    await stopping(node, run)
    await rescued(node, clock)
    assert (await node.present(run.id)).state is RunState.STOPPED
    ended = await the_step(node, step)
    assert (ended.state, ended.exit_code) == (StepState.STOPPED, "LOST")
    assert (await node.restart(run.id)).state is RunState.QUEUED


async def test_a_node_that_closes_gives_its_run_back(node: BatchNode):
    run, step = await working(node)
    await node.ask(HandBack(epoch=run.epoch or 0))
    assert (await node.instance(run)).live_run_id == run.id
    assert (await the_step(node, step)).state is StepState.STOPPED


async def test_a_snoozed_run_stays_its_instances_live_one(node: BatchNode):
    run, _ = await working(node)
    await node.ask(SnoozeRun(run_id=run.id, epoch=run.epoch or 0, after_s=5.0))
    assert (await node.instance(run)).live_run_id == run.id


# abandon


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.STOPPED, RunState.TIMED_OUT])
async def test_an_abandoned_run_closes_its_instance_for_ever(node: BatchNode, state: RunState):
    """B15."""
    await node.start(day=MONDAY)
    run = await node.run(state)
    abandoned = await node.ask(AbandonRun(run_id=run.id))
    assert abandoned.state is RunState.ABANDONED
    instance = await node.instance(run)
    assert (instance.state, instance.ended_at) == (InstanceState.ABANDONED, run.ended_at)
    with pytest.raises(Conflict) as refusal:
        await node.restart(run.id)
    assert refusal.value.code == "instance_already_complete"
    with pytest.raises(Conflict):
        await node.start(day=MONDAY)


async def test_an_abandoned_run_is_abandoned_again_unchanged(node: BatchNode):
    """Case 73."""
    await node.start(day=MONDAY)
    run = await node.run(RunState.FAILED)
    first = await node.ask(AbandonRun(run_id=run.id))
    assert await node.ask(AbandonRun(run_id=run.id)) == first


async def test_what_runs_or_has_succeeded_is_not_abandoned(node: BatchNode):
    """Case 70."""
    await node.start(day=MONDAY)
    run = await node.claim()
    assert (await refused(node, AbandonRun(run_id=run.id))).code == "run_already_running"
    await node.end(run)
    refusal = await refused(node, AbandonRun(run_id=run.id))
    assert refusal.code == "instance_already_complete"


async def test_an_earlier_run_is_not_abandoned_under_a_later_one(node: BatchNode):
    await node.start(day=MONDAY)
    first = await node.run(RunState.FAILED)
    second = await node.restart(first.id)
    refusal = await refused(node, AbandonRun(run_id=first.id))
    assert (refusal.code, refusal.facts["run_id"]) == ("run_already_running", second.id)
    await node.run()
    refusal = await refused(node, AbandonRun(run_id=first.id))
    assert refusal.code == "instance_already_complete"


async def test_abandon_leaves_the_steps_as_they_are(node: BatchNode):
    """Case 74."""
    run, step = await working(node)
    await node.end_step(step, StepState.FAILED)
    await node.end(run, RunState.FAILED)
    before = (await node.history(run)).steps
    await node.ask(AbandonRun(run_id=run.id))
    assert (await node.history(run)).steps == before


async def test_a_stopping_run_is_abandoned_and_its_worker_can_write_nothing_more(node: BatchNode):
    """Case 71, B15."""
    run, step = await working(node)
    await stopping(node, run)
    abandoned = await node.ask(AbandonRun(run_id=run.id))
    assert abandoned.state is RunState.ABANDONED
    assert (await node.instance(run)).state is InstanceState.ABANDONED
    assert (await the_step(node, step)).state is StepState.STOPPED
    with pytest.raises(Conflict) as refusal:
        await node.end_step(step)
    assert refusal.value.code == "run_not_held"
    assert await node.end(run) == frozenset()
    assert (await node.present(run.id)).state is RunState.ABANDONED


async def test_a_parked_run_is_not_abandoned(node: BatchNode):
    run, _ = await working(node)
    error = RunError(type="DefinitionChanged", message="other code")
    await node.ask(ParkRun(run_id=run.id, epoch=run.epoch or 0, error=error))
    assert (await refused(node, AbandonRun(run_id=run.id))).code == "run_state_unknown"


# recover


async def test_a_run_whose_lease_is_over_is_recovered(node: BatchNode, clock: VirtualClock):
    run, step = await working(node)
    await clock.advance(LEASE.total_seconds() + 1)
    failed = await node.ask(RecoverRun(run_id=run.id, reason="the machine burnt down"))
    assert failed.state is RunState.FAILED
    assert failed.error == RunError(type="Recovered", message="the machine burnt down")
    batch = await the_batch_run(node, run)
    assert (batch.recovery, batch.recovered_at) == ("the machine burnt down", clock.now())
    assert (await node.instance(run)).state is InstanceState.FAILED
    assert (await the_step(node, step)).state is StepState.FAILED
    assert (await node.restart(run.id)).state is RunState.QUEUED


async def test_a_run_whose_lease_runs_is_recovered_by_force_alone(node: BatchNode):
    run, step = await working(node)
    refusal = await refused(node, RecoverRun(run_id=run.id))
    assert refusal.code == "run_already_running"
    assert "lease" in str(refusal)
    failed = await node.ask(RecoverRun(run_id=run.id, force=True))
    assert failed.state is RunState.FAILED
    with pytest.raises(Conflict):
        await node.end_step(step)


async def test_a_recovered_run_is_recovered_again_unchanged(node: BatchNode):
    """B16."""
    run, _ = await working(node)
    first = await node.ask(RecoverRun(run_id=run.id, reason="a", force=True))
    assert await node.ask(RecoverRun(run_id=run.id, reason="b", force=True)) == first
    assert (await the_batch_run(node, run)).recovery == "a"


async def test_a_run_that_has_succeeded_is_answered_as_it_is(node: BatchNode):
    """B16."""
    await node.start(day=MONDAY)
    run = await node.run()
    assert await node.ask(RecoverRun(run_id=run.id, force=True)) == run
    assert (await the_batch_run(node, run)).recovered_at is None


async def test_a_parked_run_is_recovered(node: BatchNode):
    """B14."""
    run, _ = await working(node)
    error = RunError(type="DefinitionChanged", message="other code")
    await node.ask(ParkRun(run_id=run.id, epoch=run.epoch or 0, error=error))
    failed = await node.ask(RecoverRun(run_id=run.id))
    assert failed.state is RunState.FAILED
    assert (await node.restart(run.id)).state is RunState.QUEUED


async def test_a_queued_run_is_recovered_by_force_alone(node: BatchNode):
    run = await node.start(day=MONDAY)
    assert (await refused(node, RecoverRun(run_id=run.id))).code == "run_already_running"
    assert (await node.ask(RecoverRun(run_id=run.id, force=True))).state is RunState.FAILED


@pytest.mark.parametrize(
    "command",
    [
        RecoverRun(run_id=4711),
        AbandonRun(run_id=4711),
        StopRun(run_id=4711, mode=StopMode.COOPERATIVE),
    ],
    ids=lambda command: type(command).__name__,
)
async def test_an_unknown_run_is_not_found(node: BatchNode, command: RecoverRun):
    """Case 26."""
    with pytest.raises(NotFound):
        await node.ask(command)


# delete


async def test_a_deleted_instance_frees_its_identity(node: BatchNode):
    await node.start(day=MONDAY)
    run = await node.run()
    await node.ask(DeleteInstance(instance_id=run.instance_id or 0))
    assert (await node.present(run.id)).state is RunState.SUCCEEDED
    again = await node.start(day=MONDAY)
    assert again.instance_id != run.instance_id
    with pytest.raises(NotFound, match="instance"):
        await node.restart(run.id)


async def test_a_live_instance_is_not_deleted(node: BatchNode):
    run = await node.start(day=MONDAY)
    command = DeleteInstance(instance_id=run.instance_id or 0)
    assert (await refused(node, command)).code == "run_already_running"
    with pytest.raises(NotFound):
        await node.ask(DeleteInstance(instance_id=4711))


# whoever does not hold the run


async def test_nothing_is_written_of_a_run_that_is_not_held(node: BatchNode, clock: VirtualClock):
    run, _ = await working(node)
    await rescued(node, clock)
    with pytest.raises(Conflict) as refusal:
        await node.begin(run)
    assert refusal.value.code == "run_not_held"
    command = BeginStep(run_id=run.id, epoch=run.epoch or 0, name="settle", visit=1)
    assert (await refused(node, command)).code == "run_not_held"


async def test_a_step_that_another_holder_took_over_does_not_end(
    node: BatchNode, clock: VirtualClock
):
    run, step = await working(node)
    await node.begin(run)
    with pytest.raises(StepNotHeld):
        await node.end_step(step)


async def test_a_plain_job_pays_nothing(node: BatchNode):
    """Its runs have no terms, so they go by the cycle."""
    await node.define(make_job("plain"))
    run = await node.start("plain")
    assert run.terms is None


class Frozen:
    """A store of which a chunk that is about to commit keeps each step locked."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._store, verb)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        async with self._store.begin() as tx:
            yield _FrozenTransaction(tx)


class _FrozenTransaction:
    def __init__(self, tx: Any) -> None:
        self._tx = tx

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._tx, verb)

    async def lock_step(self, step_id: int) -> StepExecution | None:
        raise TransactionConflict("its chunk is committing")


async def test_a_step_that_a_frozen_chunk_keeps_locked_spoils_no_other_change(node: BatchNode):
    _, step = await working(node)
    store: Any = Frozen(cast(MemoryStore, node.store))
    conflict, job = await Committing(store, VirtualClock()).commit(
        KeepExpected(step_id=step.id, expected=3), CreateJob(job=make_job("other"))
    )
    assert isinstance(conflict, TransactionConflict)
    assert job.name == "other"


async def test_a_partitioned_step_that_is_cut_off_counts_what_its_partitions_have_done(
    node: BatchNode,
):
    run, manager = await working(node)
    plan = tuple({"name": name, "inputs": {}} for name in "ab")
    await node.ask(KeepPlan(step_id=manager.id, plan=plan))
    done, begun = [
        await node.step(run, f"load:{name}", manager_id=manager.id) for name in ("a", "b")
    ]
    await node.end_step(done, counts=StepCounts(reads=3, writes=2, commits=1))
    checkpoint = Checkpoint(cursor=1, counts=StepCounts(reads=1, writes=1, commits=1))
    async with node.store.chunk_line().begin(begun, epoch=run.epoch or 0) as chunk:
        await chunk.save(checkpoint)
    await node.ask(RecoverRun(run_id=run.id, force=True))
    assert (await the_step(node, manager)).counts == StepCounts(reads=4, writes=3, commits=2)
    assert (await the_step(node, begun)).state is StepState.FAILED
