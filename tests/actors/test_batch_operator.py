"""The operator of a board: every call of it, on real jobs in memory."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from callboard import Callboard, RunState, cron, on_demand
from callboard.batch import BatchJob, Params, identifying, reference
from callboard.domain.batch_restart import What
from callboard.domain.batch_step import StepState
from callboard.domain.queue import Queue
from callboard.domain.run import Run
from callboard.errors import Conflict, InvalidInput, NotFound
from callboard.operations.batch_operator import BatchOperator
from callboard.store.contract import Cutoffs
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.boards import meanwhile

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)


class Settling(Params):
    day: date = identifying(next=lambda day: date.fromordinal(day.toordinal() + 1))
    broken: bool = reference(default=False)


class Daily(Params):
    day: date = identifying(by_slot=True)


def settling() -> BatchJob:
    """Loads three items, and then settles them; both fail as their parameters and state say."""
    job = BatchJob("settlement", params=Settling)

    @job.step
    async def load(ctx: Any) -> None:
        async for chunk in ctx.chunks(range(3), size=2):
            async with chunk:
                pass
        ctx.job_state["loaded"] = 3

    @job.step
    async def settle(ctx: Any) -> None:
        ctx.state["seen"] = 1
        if ctx.params.broken and ctx.run.attempt == 1:
            raise ValueError("no such account")
        ctx.exit_code = "SETTLED"

    return job


@pytest.fixture
def job() -> BatchJob:
    return settling()


@pytest.fixture
async def operator(board: Callboard, job: BatchJob) -> BatchOperator:
    await board.define(job)
    return board.operator


async def done(clock: VirtualClock, operator: BatchOperator, run: Run) -> Run:
    return await meanwhile(clock, operator.wait(run.id))


@pytest.fixture
async def failed(operator: BatchOperator, clock: VirtualClock) -> Run:
    """A run that has failed in its second step."""
    run = await operator.start("settlement", Settling(day=MONDAY, broken=True))
    return await done(clock, operator, run)


async def test_job_names_are_sorted_and_have_those_that_never_ran(
    board: Callboard, operator: BatchOperator
):
    """Case 82."""

    async def plain() -> None:
        pass

    await board.define(BatchJob("archive"))
    await board.define(plain)
    assert await operator.job_names() == ["archive", "settlement"]
    assert await operator.job_names("nobody") == []


async def test_a_start_runs_to_its_end(operator: BatchOperator, clock: VirtualClock):
    """Case 19."""
    run = await operator.start("settlement", Settling(day=MONDAY))
    assert run.state is RunState.QUEUED
    ended = await done(clock, operator, run)
    assert ended.state is RunState.SUCCEEDED
    batch = await operator.batch_run(run.id)
    assert batch is not None
    assert batch.exit_code == "SETTLED"
    assert (await operator.instance(batch.instance_id)).state == "succeeded"


async def test_a_start_takes_a_dictionary_too(operator: BatchOperator):
    run = await operator.start("settlement", {"day": MONDAY}, idempotency_key="k")
    assert (await operator.parameters(run.id)) == {"day": "2026-01-05", "broken": False}
    again = await operator.start("settlement", {"day": MONDAY}, idempotency_key="k")
    assert again.id == run.id


async def test_a_start_names_each_wrong_parameter(operator: BatchOperator):
    """Case 13."""
    with pytest.raises(InvalidInput) as refusal:
        await operator.start("settlement", {"day": 1.03, "broken": "maybe", "other": 1})
    fields = {problem.field for problem in refusal.value.problems}
    assert fields == {"arguments.day", "arguments.broken", "arguments.other"}


async def test_an_unknown_job_is_not_found(operator: BatchOperator):
    """Cases 2 and 83."""
    for call in (operator.start, operator.start_next, operator.running, operator.instances):
        with pytest.raises(NotFound) as refusal:
            await call("nobody")
        assert (refusal.value.kind, refusal.value.key) == ("job", "nobody")


async def test_a_job_of_another_kind_is_no_batch_job(board: Callboard, operator: BatchOperator):
    async def plain() -> None:
        pass

    await board.define(plain)
    handle = await board.start("plain")
    calls = [
        operator.start("plain"),
        operator.start_next("plain"),
        operator.running("plain"),
        operator.stop(handle.id),
        operator.restart(handle.id),
        operator.abandon(handle.id),
        operator.recover(handle.id),
        operator.summary(handle.id),
        operator.parameters(handle.id),
        operator.steps(handle.id),
        operator.context(handle.id),
        operator.explain_restart(handle.id),
    ]
    for call in calls:
        with pytest.raises(Conflict) as refusal:
            await call
        assert refusal.value.code == "not_batch"


async def test_an_unknown_run_is_not_found(operator: BatchOperator):
    """Case 26."""
    calls = [
        operator.stop,
        operator.restart,
        operator.abandon,
        operator.recover,
        operator.wait,
        operator.summary,
        operator.step_summaries,
        operator.steps,
        operator.parameters,
        operator.context,
        operator.batch_run,
        operator.explain_restart,
    ]
    for call in calls:
        with pytest.raises(NotFound) as refusal:
            await call(4711)
        assert (refusal.value.kind, refusal.value.key) == ("run", 4711)
    with pytest.raises(NotFound):
        await operator.skipped(run_id=4711)


async def test_an_unknown_instance_or_step_is_not_found(operator: BatchOperator):
    calls = [operator.instance, operator.runs, operator.history, operator.delete_instance]
    for call in calls:
        with pytest.raises(NotFound) as refusal:
            await call(4711)
        assert (refusal.value.kind, refusal.value.key) == ("instance", 4711)
    with pytest.raises(NotFound) as missing:
        await operator.step(4711)
    assert missing.value.kind == "step"
    with pytest.raises(NotFound):
        await operator.skipped(step_id=4711)


async def test_running_is_what_has_not_ended(operator: BatchOperator, clock: VirtualClock):
    """Case 83."""
    assert await operator.running("settlement") == []
    runs = [await operator.start("settlement", {"day": day}) for day in (MONDAY, TUESDAY)]
    assert await operator.running("settlement") == [run.id for run in runs]
    for run in runs:
        await done(clock, operator, run)
    assert await operator.running("settlement") == []


async def test_instances_come_newest_first_in_pages(operator: BatchOperator):
    """Case 86."""
    days = [date(2026, 2, day) for day in range(1, 6)]
    for day in days:
        await operator.start("settlement", {"day": day})
    page = await operator.instances("settlement", limit=2)
    assert [each.parameters["day"] for each in page] == ["2026-02-05", "2026-02-04"]
    rest = await operator.instances("settlement", before_id=page[-1].id)
    assert [each.parameters["day"] for each in rest] == ["2026-02-03", "2026-02-02", "2026-02-01"]


async def test_the_history_of_a_deleted_job_stays_readable(
    board: Callboard, operator: BatchOperator, failed: Run
):
    """Case 49."""
    await board.delete_job("default", "settlement")
    assert len(await operator.instances("settlement")) == 1
    assert (await operator.summary(failed.id)).run == failed
    with pytest.raises(NotFound, match="job"):
        await operator.restart(failed.id)
    with pytest.raises(NotFound, match="job"):
        await operator.explain_restart(failed.id)


async def test_a_restart_skips_what_is_done(
    operator: BatchOperator, clock: VirtualClock, failed: Run
):
    """Cases 40 and 62."""
    assert failed.state is RunState.FAILED
    run = await done(clock, operator, await operator.restart(failed.id))
    assert run.state is RunState.SUCCEEDED
    assert [step.name for step in await operator.steps(run.id)] == ["settle"]
    assert run.instance_id is not None
    runs = await operator.runs(run.instance_id)
    assert [each.id for each in runs] == [run.id, failed.id]
    assert await operator.parameters(run.id) == await operator.parameters(failed.id)


async def test_the_next_instance_goes_on_by_the_jobs_own_code(operator: BatchOperator, failed: Run):
    """Case 64."""
    run = await operator.start_next("settlement", {"broken": False})
    assert run.arguments == {"day": "2026-01-06", "broken": False}
    assert run.instance_id != failed.instance_id


async def test_a_queued_run_is_stopped_and_never_runs(
    operator: BatchOperator, clock: VirtualClock, open_board: Any
):
    """Case 31: by any node, whether it has the job's code or not."""
    idle = await open_board(executes=False)
    run = await idle.operator.start("settlement", {"day": MONDAY})
    stopped = await idle.operator.stop(run.id)
    assert stopped.state is RunState.STOPPED
    assert await operator.steps(run.id) == []


async def test_a_failed_run_is_abandoned(operator: BatchOperator, failed: Run):
    abandoned = await operator.abandon(failed.id)
    assert abandoned.state is RunState.ABANDONED
    with pytest.raises(Conflict) as refusal:
        await operator.explain_restart(failed.id)
    assert refusal.value.code == "instance_already_complete"


async def test_a_recovered_run_is_answered_as_it_is(operator: BatchOperator, failed: Run):
    assert await operator.recover(failed.id, reason="again") == failed


async def test_a_summary_has_the_run_its_steps_and_a_text(operator: BatchOperator, failed: Run):
    summary = await operator.summary(failed.id)
    assert summary.run == failed
    assert summary.batch is not None
    assert summary.batch.exit_code == "FAILED"
    assert [step.name for step in summary.steps] == ["load", "settle"]
    assert (summary.counts.reads, summary.counts.commits) == (3, 2)
    first, load, settle = summary.text.split("\n")
    assert first.startswith(f"run {failed.id} of settlement: failed (FAILED), ")
    assert "day=2026-01-05, broken=true" in first
    assert "load: succeeded (COMPLETED)" in load
    assert "3 reads" in load
    assert "settle: failed (FAILED)" in settle
    assert "no such account" in settle


async def test_step_summaries_have_the_ids_of_their_executions(
    operator: BatchOperator, failed: Run
):
    """Case 85."""
    summaries = await operator.step_summaries(failed.id)
    assert list(summaries) == sorted(summaries)
    assert [each.step.id for each in summaries.values()] == list(summaries)
    assert [each.step.name for each in summaries.values()] == ["load", "settle"]
    assert next(iter(summaries.values())).text.startswith("load: succeeded (COMPLETED)")


async def test_a_step_is_found_by_its_id(operator: BatchOperator, failed: Run):
    load, settle = await operator.steps(failed.id)
    assert await operator.step(settle.id) == settle
    assert (load.state, settle.state) == (StepState.SUCCEEDED, StepState.FAILED)


async def test_the_context_is_the_jobs(operator: BatchOperator, failed: Run):
    assert await operator.context(failed.id) == {"loaded": 3}


async def test_explain_restart_changes_nothing(operator: BatchOperator, failed: Run):
    plan = await operator.explain_restart(failed.id)
    assert [(step.name, step.what) for step in plan[:2]] == [
        ("load", What.SKIP),
        ("settle", What.RUN),
    ]
    assert failed.instance_id is not None
    assert (await operator.instance(failed.instance_id)).live_run_id is None


async def test_what_a_run_did_that_has_left_the_history_is_told_like_that_of_any_other(
    operator: BatchOperator, failed: Run, store: MemoryStore, clock: VirtualClock
):
    asked = (
        operator.explain_restart,
        operator.batch_run,
        operator.parameters,
        operator.context,
        operator.steps,
        operator.list_steps,
    )
    before = [await ask(failed.id) for ask in asked]
    await clock.advance(10)
    await store.prune(Cutoffs(ended_runs=clock.now()))
    assert await store.get_run(failed.id) is None
    assert [await ask(failed.id) for ask in asked] == before
    assert await operator.skipped(run_id=failed.id) == []


async def test_a_deleted_instance_is_gone(operator: BatchOperator, failed: Run):
    assert failed.instance_id is not None
    await operator.delete_instance(failed.instance_id)
    with pytest.raises(NotFound):
        await operator.instance(failed.instance_id)
    assert await operator.batch_run(failed.id) is None
    with pytest.raises(NotFound, match="instance"):
        await operator.explain_restart(failed.id)


async def test_a_slots_run_has_the_date_of_its_slot_in_the_triggers_zone(
    board: Callboard, clock: VirtualClock
):
    job = BatchJob("daily", params=Daily)

    @job.step
    async def work(ctx: Any) -> None:
        ctx.job_state["day"] = ctx.params.day.isoformat()

    await board.define(job)
    await board.schedule("at one", cron("0 1 * * *", zone="Asia/Tokyo"), "daily")
    await clock.advance(2.5 * 24 * 3600)
    instances = await board.operator.instances("daily")
    assert [each.parameters for each in instances] == [
        {"day": "2026-01-04"},
        {"day": "2026-01-03"},
        {"day": "2026-01-02"},
    ][-len(instances) :]
    assert {each.state.value for each in instances} == {"succeeded"}
    run_id = instances[0].last_run_id
    assert await board.operator.context(run_id) == {"day": instances[0].parameters["day"]}


async def test_a_run_without_an_instance_is_explained_from_the_beginning(
    board: Callboard, operator: BatchOperator, job: BatchJob
):
    """A trigger has started it, and it was stopped before it began."""
    await board.schedule("by hand", on_demand(), "settlement", {"day": "2026-01-05"})
    await board.create_queue(Queue(name="q", paused=True))
    await board.define(job, queue="q")
    (run,) = await board.fire_trigger("default", "by hand")
    with pytest.raises(Conflict) as refusal:
        await operator.explain_restart(run.id)
    assert refusal.value.code == "run_already_running"
    await operator.stop(run.id)
    assert await operator.batch_run(run.id) is None
    assert (await operator.summary(run.id)).steps == ()
    assert await operator.parameters(run.id) == {"day": "2026-01-05"}
    plan = await operator.explain_restart(run.id)
    assert [(step.name, step.what) for step in plan[:2]] == [
        ("load", What.RUN),
        ("settle", What.RUN),
    ]


async def test_the_totals_of_an_instance_are_over_all_its_runs(
    operator: BatchOperator, clock: VirtualClock, failed: Run
):
    await done(clock, operator, await operator.restart(failed.id))
    totals = await operator.totals(failed.instance_id or 0)
    assert (totals.runs, totals.counts.reads) == (2, 3)
    with pytest.raises(NotFound):
        await operator.totals(4711)


async def test_a_disabled_job_has_no_plan_of_a_restart(
    board: Callboard, operator: BatchOperator, job: BatchJob, failed: Run
):
    await board.define(job, disabled=True)
    for call in (operator.explain_restart, operator.restart):
        with pytest.raises(Conflict) as refusal:
            await call(failed.id)
        assert refusal.value.code == "job_disabled"
