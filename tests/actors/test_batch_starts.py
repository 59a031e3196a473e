"""Starts of batch jobs: an instance and its first run, or a refusal with the ids."""

from __future__ import annotations

from typing import Any

import pytest

from callboard import RunState
from callboard.commands import StartNextInstance, StartRuns, StopRun
from callboard.domain.batch_instance import InstanceState
from callboard.domain.job import OnFull
from callboard.domain.run import NewRun, Run, StopMode
from callboard.errors import Conflict, InvalidInput, NotFound
from callboard.store.contract import RunFilter
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.batch_node import NOTE, NUMBER, BatchNode, batch_job

MONDAY, TUESDAY = "2026-01-05", "2026-01-06"


def starting(*days: str, job: str = "settlement", **fields: Any) -> StartRuns:
    key = fields.pop("idempotency_key", None)
    runs = tuple(NewRun(job=job, arguments={"day": day}, **fields) for day in days)
    return StartRuns(runs=runs, idempotency_key=key)


async def refused(node: BatchNode, command: Any) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        await node.ask(command)
    return refusal.value


async def all_runs(store: MemoryStore) -> list[Run]:
    return await store.list_runs(RunFilter())


async def test_a_start_makes_an_instance_and_its_live_run(node: BatchNode, store: MemoryStore):
    """Case 1."""
    run = await node.start(day=MONDAY, note="x")
    instance = await node.instance(run)
    assert (instance.state, instance.live_run_id, instance.last_run_id) == ("live", run.id, run.id)
    assert (instance.parameters, instance.ended_at) == ({"day": MONDAY}, None)
    (batch,) = (await node.history(run)).runs
    assert (batch.run_id, batch.arguments) == (run.id, {"day": MONDAY, "note": "x"})
    assert (batch.references, batch.exit_code) == (("note",), "EXECUTING")
    assert run.arguments == batch.arguments
    assert run.state is RunState.QUEUED


async def test_parameters_are_stored_in_their_canonical_form(node: BatchNode):
    run = await node.start(day={"value": MONDAY, "type": "date"})
    assert run.arguments == {"day": MONDAY}


async def test_wrong_parameters_are_named_and_nothing_is_stored(
    node: BatchNode, store: MemoryStore
):
    """Case 13."""
    with pytest.raises(InvalidInput) as refusal:
        await node.start(day="foo", other=1)
    fields = {problem.field for problem in refusal.value.problems}
    assert fields == {"runs[0].arguments.day", "runs[0].arguments.other"}
    assert not await store.list_instances("default", "settlement", 10)
    assert not await all_runs(store)


@pytest.mark.parametrize("state", [*RunState])
async def test_the_identity_of_any_instance_is_taken(
    node: BatchNode, store: MemoryStore, state: RunState
):
    """Cases 4, 5, 7 and 8."""
    first = await node.start(day=MONDAY)
    match state:
        case RunState.SUCCEEDED | RunState.FAILED | RunState.TIMED_OUT | RunState.STOPPED:
            await node.run(state)
        case RunState.RUNNING:
            await node.claim()
    refusal = await refused(node, starting(MONDAY))
    instance = await node.instance(first)
    assert refusal.code == "instance_already_exists"
    assert refusal.facts == {
        "instance_id": instance.id,
        "last_run_id": first.id,
        "state": instance.state.value,
    }
    assert len(await all_runs(store)) == 1


async def test_who_meets_a_parked_run_is_told_what_helps(node: BatchNode):
    await node.start(day=MONDAY)
    run = await node.claim()
    await node.begin(run)
    await node.end(run, RunState.PARKED)
    refusal = await refused(node, starting(MONDAY))
    assert refusal.code == "instance_already_exists"
    assert "that is parked: retry it, stop it or recover it" in str(refusal)


async def test_what_does_not_identify_makes_no_other_instance(node: BatchNode):
    """Case 7."""
    await node.start(day=MONDAY, note="a")
    with pytest.raises(Conflict, match="with these identifying parameters"):
        await node.start(day=MONDAY, note="b")


async def test_a_job_without_identifying_parameters_has_one_instance(node: BatchNode):
    """Case 8."""
    await node.define(batch_job("cleanup", parameters=[NOTE]))
    await node.start("cleanup", note="a")
    await node.run()
    with pytest.raises(Conflict) as refusal:
        await node.start("cleanup", note="b")
    assert refusal.value.code == "instance_already_exists"


async def test_other_parameters_and_other_jobs_have_instances_of_their_own(node: BatchNode):
    """Cases 11 and 17."""
    await node.define(batch_job("other"))
    runs = [
        await node.start(day=MONDAY),
        await node.start(day=TUESDAY),
        await node.start("other", day=MONDAY),
    ]
    assert len({(await node.instance(run)).id for run in runs}) == 3


async def test_texts_come_back_as_they_were_given(node: BatchNode):
    """Case 14."""
    note = "a,b=c\n\u65e5\u672c\u8a9e \U0001f600"
    run = await node.start(day=MONDAY, note=note)
    assert run.arguments["note"] == note


async def test_undeclared_parameters_identify_unless_they_say_otherwise(node: BatchNode):
    await node.define(batch_job("free", parameters=None))
    run = await node.start("free", n=1, who={"value": "me", "identifying": False})
    assert (await node.instance(run)).parameters == {"n": 1}
    assert (await node.history(run)).runs[0].references == ("who",)
    await node.start("free", n="1")
    with pytest.raises(Conflict):
        await node.start("free", n=1)


async def test_of_starts_that_share_a_commit_one_wins_and_the_others_get_its_ids(
    node: BatchNode, store: MemoryStore
):
    """Case 16, on one node."""
    answers = await node.committing.commit(*[starting(MONDAY)] * 5)
    (run,) = answers[0]
    assert {answer.code for answer in answers[1:]} == {"instance_already_exists"}
    assert {answer.facts["last_run_id"] for answer in answers[1:]} == {run.id}
    assert len(await all_runs(store)) == 1


async def test_a_bulk_start_is_done_whole_or_not_at_all(node: BatchNode, store: MemoryStore):
    first = await node.start(day=TUESDAY)
    refusal = await refused(node, starting(MONDAY, TUESDAY))
    assert refusal.facts["last_run_id"] == first.id
    assert len(await store.list_instances("default", "settlement", 10)) == 1
    answers = await node.committing.commit(starting(MONDAY, TUESDAY), starting(MONDAY))
    assert isinstance(answers[0], Conflict)
    assert (await node.instance(answers[1][0])).parameters == {"day": MONDAY}


async def test_a_bulk_start_of_one_identity_twice_is_refused(node: BatchNode, store: MemoryStore):
    with pytest.raises(InvalidInput, match=r"identifying parameters of runs\[1\]") as raised:
        await node.ask(starting(TUESDAY, MONDAY, MONDAY))
    assert [problem.field for problem in raised.value.problems] == ["runs[2]"]
    assert not await store.list_instances("default", "settlement", 10)


async def test_many_starts_in_one_command_are_all_made(node: BatchNode):
    days = [f"2026-02-{day:02d}" for day in range(1, 21)]
    runs = await node.ask(starting(*days))
    assert [run.arguments["day"] for run in runs] == days
    for run in runs:
        assert (await node.instance(run)).live_run_id == run.id


async def test_the_same_idempotency_key_is_answered_with_the_first_run(
    node: BatchNode, store: MemoryStore
):
    command = starting(MONDAY, idempotency_key="k")
    first = await node.ask(command)
    assert await node.ask(command) == first
    answers = await node.committing.commit(*[starting(TUESDAY, idempotency_key="l")] * 3)
    assert len({answer[0].id for answer in answers}) == 1
    assert len(await store.list_instances("default", "settlement", 10)) == 2


async def test_a_refused_start_leaves_its_idempotency_key_free(node: BatchNode):
    await node.start(day=MONDAY)
    await refused(node, starting(MONDAY, idempotency_key="k"))
    assert len(await node.ask(starting(TUESDAY, idempotency_key="k"))) == 1


async def test_a_unique_key_of_a_live_run_is_answered_with_that_run(
    node: BatchNode, store: MemoryStore
):
    (first,) = await node.ask(starting(MONDAY, unique_key="k"))
    assert await node.ask(starting(TUESDAY, unique_key="k")) == (first,)
    assert await node.ask(starting(MONDAY, unique_key="k")) == (first,)
    answers = await node.committing.commit(*[starting("2026-03-01", unique_key="l")] * 2)
    assert answers[0] == answers[1]
    assert len(await store.list_instances("default", "settlement", 10)) == 2


async def test_a_full_job_refuses_a_start_without_an_instance(node: BatchNode, store: MemoryStore):
    await node.define(batch_job("one", max_concurrent_runs=1, on_full=OnFull.REFUSE))
    answers = await node.committing.commit(
        starting(MONDAY, job="one"), starting(TUESDAY, job="one")
    )
    assert answers[1].code == "job_full"
    (instance,) = await store.list_instances("default", "one", 10)
    assert instance.live_run_id == answers[0][0].id


async def test_a_start_may_be_due_later(node: BatchNode, clock: VirtualClock):
    (run,) = await node.ask(starting(MONDAY, due_at=clock.now().replace(hour=23)))
    assert run.due_at.hour == 23
    assert (await node.instance(run)).live_run_id == run.id


async def test_defaults_and_fixed_arguments_of_the_job_count(node: BatchNode):
    await node.define(batch_job("daily", arguments={"note": "n"}, fixed_arguments={"day": MONDAY}))
    run = await node.start("daily")
    assert run.arguments == {"day": MONDAY, "note": "n"}


# the next instance


async def test_the_next_instance_has_the_last_ones_parameters_incremented(node: BatchNode):
    """Cases 64 and 65."""
    first = await node.start(day=MONDAY, note="foo")
    await node.run(RunState.FAILED)
    run = await node.next()
    assert run.arguments == {"day": TUESDAY, "note": "foo"}
    assert (await node.instance(first)).state is InstanceState.FAILED
    assert (await node.next(note="bar")).arguments == {"day": "2026-01-07", "note": "bar"}


async def test_the_first_next_instance_has_the_first_number(node: BatchNode):
    await node.define(batch_job("counted", parameters=[NUMBER]))
    assert (await node.next("counted")).arguments == {"number": 1}


async def test_nexts_that_share_a_commit_have_numbers_of_their_own(node: BatchNode):
    """Case 67, on one node."""
    await node.define(batch_job("counted", parameters=[NUMBER]))
    answers = await node.committing.commit(
        *[StartNextInstance(group="default", job="counted")] * 10
    )
    assert [run.arguments["number"] for run in answers] == [*range(1, 11)]


async def test_a_next_instance_that_somebody_has_started_is_refused(node: BatchNode):
    await node.start(day=TUESDAY)
    await node.start(day=MONDAY)
    with pytest.raises(Conflict) as refusal:
        await node.next()
    assert refusal.value.code == "instance_already_exists"


async def test_what_identifies_is_not_given_to_a_next_instance(node: BatchNode):
    await node.start(day=MONDAY)
    with pytest.raises(InvalidInput) as refusal:
        await node.next(day="2026-02-02")
    assert [problem.field for problem in refusal.value.problems] == ["arguments.day"]


async def test_a_next_instance_needs_a_rule(node: BatchNode):
    await node.define(batch_job("plain", parameters=[NOTE]))
    with pytest.raises(Conflict) as refusal:
        await node.next("plain")
    assert refusal.value.code == "no_incrementer"


async def test_a_next_instance_needs_a_batch_job(node: BatchNode):
    with pytest.raises(NotFound):
        await node.next("nobody")


async def test_a_start_with_explicit_parameters_increments_nothing(node: BatchNode):
    """Case 68."""
    await node.start(day=TUESDAY)
    assert (await node.start(day="2025-12-31")).arguments == {"day": "2025-12-31"}


async def test_a_stopped_start_ends_its_instance(node: BatchNode):
    """Case 31."""
    run = await node.start(day=MONDAY)
    stopped = await node.ask(StopRun(run_id=run.id, mode=StopMode.COOPERATIVE))
    instance = await node.instance(run)
    assert (stopped.state, instance.state) == (RunState.STOPPED, InstanceState.STOPPED)
    assert (instance.live_run_id, instance.ended_at) == (None, stopped.ended_at)
    history = await node.history(run)
    assert (history.runs[0].exit_code, history.steps) == ("STOPPED", ())
