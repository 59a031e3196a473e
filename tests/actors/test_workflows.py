"""Workflows on a board: how a run begins, what fires in it, when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callboard import (
    Action,
    Callboard,
    Condition,
    NewBackfill,
    NewRun,
    OverlapPolicy,
    OverlapPolicyName,
    RetryPolicy,
    RunState,
    Trigger,
    Workflow,
    WorkflowRun,
    WorkflowState,
    after,
    current_run,
    every,
    on_demand,
    when_all,
    when_any,
)
from callboard.domain.given_terms import GivenTerms
from callboard.domain.job import OnFull
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.run import Run
from callboard.domain.schedule import Event, Schedule
from callboard.domain.trigger import OnMissing
from callboard.errors import AlreadyExists, Conflict, InvalidInput, NotFound, StaleVersion
from callboard.store.contract import TriggerFilter, WorkflowFilter, WorkflowRunFilter
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.boards import all_runs, die

G = "default"
FAILED = ("failed",)
W = WorkflowState
SHORT = {"lease_s": 10.0, "rescue_every_s": 2.0, "poll_s": 5.0}


@pytest.fixture
async def board(open_board: Callable[..., Any]) -> Callboard:
    """With the workflow `w` and the jobs a to f, which take 10 s and fail when they are told to."""
    one: Callboard = await open_board()
    await with_jobs(one)
    await one.create_workflow(Workflow(name="w"))
    return one


async def with_jobs(board: Callboard, **fields: Any) -> None:
    async def work(fails: int = 0, seconds: float = 10.0, **_: Any) -> dict[str, Any]:
        await board.clock.sleep_until(board.clock.monotonic() + seconds)
        if fails >= current_run().attempt:
            raise RuntimeError("as asked")
        return {}

    for name in "abcdef":
        await board.define(work, name=name, **fields)


async def member(
    board: Callboard, name: str, schedule: Schedule, *jobs: str, active: bool = True, **more: Any
) -> Trigger:
    """A trigger of `w`; `-a` fails, `--a` twice."""
    actions = tuple(
        Action(job=job.lstrip("-"), arguments={"fails": job.count("-")} if "-" in job else {})
        for job in jobs
    )
    trigger = Trigger(name=name, schedule=schedule, actions=actions, workflow="w", **more)
    return await board.create_trigger(trigger, activate=active)


async def chain(board: Callboard) -> None:
    """start -> a -> b -> c"""
    await member(board, "start", on_demand(), "a")
    await member(board, "t1", when_all("a"), "b")
    await member(board, "t2", when_all("b"), "c")


async def now(board: Callboard, run: WorkflowRun) -> WorkflowRun:
    return await board.get_workflow_run(run.id)


async def over(board: Callboard, clock: VirtualClock, run: WorkflowRun) -> WorkflowRun:
    """The workflow run, some time later."""
    await clock.advance(120)
    ended = await now(board, run)
    assert ended.has_ended
    return ended


def jobs_of(run: WorkflowRun) -> dict[str, int]:
    return {job: len(ids) for job, ids in run.runs.items()}


async def state_of(board: Callboard, run_id: int) -> RunState:
    return (await board.get_run(run_id)).state


# beginning


async def test_a_workflow_run_goes_from_job_to_job_and_is_completed(
    board: Callboard, clock: VirtualClock
) -> None:
    await chain(board)
    run = await board.start_workflow(G, "w")
    assert (run.state, run.trigger, jobs_of(run)) == (W.RUNNING, "start", {"a": 1})
    assert run.live == run.runs["a"] == run.fired["start"]
    await clock.advance(11)
    assert jobs_of(await now(board, run)) == {"a": 1, "b": 1}
    await clock.advance(10)
    running = await now(board, run)
    assert (running.state, jobs_of(running)) == (W.RUNNING, {"a": 1, "b": 1, "c": 1})
    ended = await over(board, clock, run)
    assert ended.state is W.COMPLETED
    assert set(ended.fired) == {"start", "t1", "t2"}
    (c,) = ended.runs["c"]
    assert ended.ended_at == (await board.get_run(c)).ended_at
    assert ended.live == ()
    runs = await all_runs(board)
    assert [(each.job, each.trigger) for each in runs] == [("a", "start"), ("b", "t1"), ("c", "t2")]
    assert all(each.terms and each.terms.workflow_run_id == run.id for each in runs)


async def test_one_without_triggers_is_completed_at_once(board: Callboard) -> None:
    run = await board.start_workflow(G, "w")
    assert (run.state, run.trigger, run.runs) == (W.COMPLETED, None, {})
    assert run.ended_at == run.created_at


async def test_a_slot_of_the_start_trigger_begins_a_run(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    await member(board, "start", every(seconds=100), "a", "d")
    await member(board, "t1", when_all("a", "d"), "b")
    await clock.advance(101)
    (run,) = await board.list_workflow_runs(WorkflowRunFilter(group=G, workflow="w"))
    assert jobs_of(run) == {"a": 1, "d": 1}
    (view,) = await board.read_ledger(
        G, "start", since=clock.now() - timedelta(seconds=50), until=clock.now()
    )
    assert view.run_ids == run.fired["start"]
    await clock.advance(25)
    assert (await now(board, run)).state is W.COMPLETED
    assert jobs_of(await now(board, run)) == {"a": 1, "b": 1, "d": 1}


async def test_a_fired_start_trigger_begins_a_run(board: Callboard, clock: VirtualClock) -> None:
    await chain(board)
    (a,) = await board.fire_trigger(G, "start", arguments={"seconds": 1})
    assert a.arguments == {"seconds": 1}
    (run,) = await board.list_workflow_runs(WorkflowRunFilter())
    assert run.runs == {"a": (a.id,)}
    assert jobs_of(await over(board, clock, run)) == {"a": 1, "b": 1, "c": 1}


async def test_a_conditional_trigger_of_a_workflow_is_not_fired_by_hand(board: Callboard) -> None:
    await chain(board)
    with pytest.raises(Conflict, match="fires within the runs of workflow 'w'") as refused:
        await board.fire_trigger(G, "t1")
    assert refused.value.code == "not_start_trigger"


async def test_a_batch_of_events_begins_a_run_that_keeps_its_size(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", Event(batch_size=3, window_s=60), "a")
    await board.tell_event(G, "start", count=2)
    await clock.advance(61)
    (run,) = await board.list_workflow_runs(WorkflowRunFilter())
    assert run.event == {"batch_size": 2, "window_s": 60}


async def test_all_runs_of_a_workflow_run_get_its_arguments(
    board: Callboard, clock: VirtualClock
) -> None:
    a = await board.get_job(G, "a")
    await board.create_job(replace(a, name="fixed", fixed_arguments={"id": "mine"}))
    templates = {"of": "{workflow}", "id": "wr_{run_id_hex64}", "n": "{run_id}", "as": "{is}"}
    workflow = await board.get_workflow(G, "w")
    await board.replace_workflow(
        Workflow(name="w", run_arguments=templates), expected_version=workflow.version
    )
    await member(board, "start", on_demand(), "a", "fixed")
    await member(board, "t1", when_all("a"), "b")
    run = await board.start_workflow(G, "w")
    ended = await over(board, clock, run)
    given = {"of": "w", "id": f"wr_{run.id:064x}", "n": str(run.id), "as": "{is}"}
    for job in "ab":
        assert (await board.get_run(ended.runs[job][0])).arguments == given
    fixed = await board.get_run(ended.runs["fixed"][0])
    assert fixed.arguments == {**given, "id": "mine"}


@pytest.mark.parametrize("by", ["call", "slot"])
async def test_a_job_that_does_not_take_its_arguments_is_spared_them(
    board: Callboard, clock: VirtualClock, by: str
) -> None:
    async def strict(told: str = "") -> str:
        return told

    await board.define(strict, name="strict")
    templates = {"told": "{workflow}", "--WORKFLOW_RUN_ID": "{run_id}"}
    await board.replace_workflow(Workflow(name="w", run_arguments=templates))
    await member(board, "start", on_demand() if by == "call" else every(seconds=60), "strict")
    if by == "call":
        await board.start_workflow(G, "w")
    await clock.advance(60)
    (run,) = await all_runs(board)
    assert (run.state, run.arguments) == (RunState.SUCCEEDED, {"told": "w"})


async def test_what_actions_say_counts_in_workflow_runs_too(
    board: Callboard, clock: VirtualClock
) -> None:
    terms = GivenTerms(timeout_s=5, annotations={"who": "me"})
    trigger = Trigger(
        name="start",
        schedule=on_demand(),
        actions=(Action(job="a", terms=terms),),
        workflow="w",
    )
    await board.create_trigger(trigger)
    ended = await over(board, clock, await board.start_workflow(G, "w"))
    a = await board.get_run(ended.runs["a"][0])
    assert a.state is RunState.TIMED_OUT
    assert a.terms is not None
    assert a.terms.annotations == {"who": "me"}


async def test_a_start_that_is_refused_begins_nothing(board: Callboard) -> None:
    with pytest.raises(NotFound, match="no workflow 'none'"):
        await board.start_workflow(G, "none")
    with pytest.raises(InvalidInput, match=r"properties\.a: is a int"):
        await board.start_workflow(G, "w", properties={"a": 1})  # type: ignore[dict-item]
    assert await board.list_workflow_runs(WorkflowRunFilter()) == []


async def test_a_start_that_is_repeated_begins_one_run(board: Callboard) -> None:
    await board.replace_workflow(Workflow(name="w", max_concurrent_runs=1))
    await chain(board)
    first = await board.start_workflow(G, "w", idempotency_key="k")
    assert await board.start_workflow(G, "w", idempotency_key="k") == first
    for _ in range(2):
        with pytest.raises(Conflict):
            await board.start_workflow(G, "w", idempotency_key="other")
    assert await board.list_workflow_runs(WorkflowRunFilter()) == [first]


async def test_the_key_of_a_start_of_runs_is_another_one(board: Callboard) -> None:
    """Both are numbers of what was begun: those of one kind mean nothing to the other."""
    await chain(board)
    (run,) = await board.start_runs([NewRun(job="f")], idempotency_key="k")
    other = await board.start_workflow(G, "w")
    assert other.id == run.id
    begun = await board.start_workflow(G, "w", idempotency_key="k")
    assert begun.id != other.id
    (again,) = await board.start_runs([NewRun(job="f")], idempotency_key="k")
    assert again.id == run.id


async def test_properties_of_a_start_fill_up_those_of_the_workflow(board: Callboard) -> None:
    """What is too much together is refused before anything has begun, and its key is free again."""
    await board.replace_workflow(Workflow(name="w", properties={str(n): "" for n in range(1000)}))
    with pytest.raises(InvalidInput, match="properties: has more than 1000 entries"):
        await board.start_workflow(G, "w", properties={"x": ""}, idempotency_key="k")
    assert await board.list_workflow_runs(WorkflowRunFilter()) == []
    run = await board.start_workflow(G, "w", properties={"0": "0"}, idempotency_key="k")
    assert len(run.properties) == 1000


async def test_jobs_that_are_not_there_or_disabled_are_told_of(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "a", "x", on_missing=OnMissing.SKIP)
    await member(board, "t1", when_all("a"), "b", "y", on_missing=OnMissing.SKIP)
    await member(board, "t2", when_all("x"), "c", on_missing=OnMissing.SKIP)
    b = await board.get_job(G, "b")
    await board.replace_job(replace(b, disabled=True), expected_version=b.version)
    run = await board.start_workflow(G, "w")
    assert run.missing == ("x",)
    ended = await over(board, clock, run)
    assert (ended.state, ended.missing, jobs_of(ended)) == (W.COMPLETED, ("b", "x", "y"), {"a": 1})
    assert ended.fired["t1"] == ()
    with pytest.raises(NotFound, match="no job 'x'"):
        await board.fire_trigger(G, "start")


# what fires


async def test_and_waits_for_all_of_its_jobs_and_fires_once(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "a", "b")
    await member(board, "t1", when_all("a"), "c")
    await member(board, "t2", when_all("c", "b"), "d")
    ended = await over(board, clock, await board.start_workflow(G, "w"))
    assert jobs_of(ended) == {"a": 1, "b": 1, "c": 1, "d": 1}
    (c,), (d,) = ended.runs["c"], ended.runs["d"]
    assert (await board.get_run(d)).created_at == (await board.get_run(c)).ended_at
    assert ended.met["t2"] == {"c": c, "b": ended.runs["b"][0]}


async def test_any_fires_at_the_first_end_and_not_again(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "a")
    await member(board, "t1", when_all("a"), "b")
    await member(board, "t2", when_any("a", "b"), "c")
    ended = await over(board, clock, await board.start_workflow(G, "w"))
    assert jobs_of(ended) == {"a": 1, "b": 1, "c": 1}


async def test_a_failed_run_fires_what_waits_for_failures_and_the_run_is_completed(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "-a")
    await member(board, "good", when_all("a"), "b")
    await member(board, "bad", when_all(Condition(job="a", states=FAILED)), "c")
    ended = await over(board, clock, await board.start_workflow(G, "w"))
    assert (ended.state, jobs_of(ended)) == (W.COMPLETED, {"a": 1, "c": 1})


async def test_only_the_last_attempt_of_a_run_counts(
    open_board: Callable[..., Any], clock: VirtualClock
) -> None:
    board: Callboard = await open_board()
    await with_jobs(board, retry=RetryPolicy(max_attempts=3, initial_s=1, jitter="none"))
    await board.create_workflow(Workflow(name="w"))
    await member(board, "start", on_demand(), "--a")
    await member(board, "good", when_all("a"), "b")
    await member(board, "bad", when_all(Condition(job="a", states=FAILED)), "c")
    ended = await over(board, clock, await board.start_workflow(G, "w"))
    assert jobs_of(ended) == {"a": 3, "b": 1}
    assert ended.met["good"] == {"a": ended.runs["a"][-1]}


async def test_a_trigger_that_was_not_active_when_the_run_began_does_not_fire(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "a")
    await member(board, "t1", when_all("a"), "b", active=False)
    run = await board.start_workflow(G, "w")
    await board.activate_trigger(G, "t1")
    assert jobs_of(await over(board, clock, run)) == {"a": 1}
    again = await over(board, clock, await board.start_workflow(G, "w"))
    assert jobs_of(again) == {"a": 1, "b": 1}


async def test_a_run_works_on_the_triggers_as_they_were_when_it_began(
    board: Callboard, clock: VirtualClock
) -> None:
    await chain(board)
    run = await board.start_workflow(G, "w")
    await board.delete_trigger(G, "t1")
    await member(board, "t3", when_all("a"), "f")
    assert jobs_of(await over(board, clock, run)) == {"a": 1, "b": 1, "c": 1}


async def test_runs_outside_of_workflow_runs_fire_nothing_inside_and_the_reverse(
    board: Callboard, clock: VirtualClock
) -> None:
    await chain(board)
    await board.schedule("outside", when_any("a", "b"), "f")
    await board.start("a")
    await clock.advance(15)
    assert [run.job for run in await all_runs(board)] == ["a", "f"]
    run = await board.start_workflow(G, "w")
    await over(board, clock, run)
    assert [each.job for each in await all_runs(board, job="f")] == ["f"]


async def test_two_runs_of_a_workflow_at_once_keep_apart(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "a", "b")
    await member(board, "t1", when_all("a", "b"), "c")
    first = await board.start_workflow(G, "w")
    await clock.advance(5)
    second = await board.start_workflow(G, "w")
    await board.stop_run(first.runs["b"][0])
    assert jobs_of(await over(board, clock, first)) == {"a": 1, "b": 1}
    assert jobs_of(await now(board, second)) == {"a": 1, "b": 1, "c": 1}


async def test_a_job_that_is_full_fails_within_the_run(
    board: Callboard, clock: VirtualClock
) -> None:
    b = await board.get_job(G, "b")
    await board.replace_job(replace(b, max_concurrent_runs=1, on_full=OnFull.REFUSE))
    await chain(board)
    await member(board, "bad", when_all(Condition(job="b", states=FAILED)), "d")
    await board.start("b", {"seconds": 1000})
    ended = await over(board, clock, await board.start_workflow(G, "w"))
    assert jobs_of(ended) == {"a": 1, "b": 1, "d": 1}
    b_run = await board.get_run(ended.runs["b"][0])
    assert b_run.error is not None
    assert b_run.error.type == "JobFull"


async def test_a_start_that_finds_its_job_full_says_so_at_once(board: Callboard) -> None:
    a = await board.get_job(G, "a")
    await board.replace_job(replace(a, max_concurrent_runs=1, on_full=OnFull.REFUSE))
    await chain(board)
    await board.start("a", {"seconds": 1000})
    run = await board.start_workflow(G, "w")
    assert (run.state, jobs_of(run), run.live) == (W.COMPLETED, {"a": 1}, ())
    assert await now(board, run) == run
    (fired,) = await board.fire_trigger(G, "start")
    assert fired.state is RunState.FAILED
    again = await board.resume_workflow_run(run.id, ["a"])
    assert again.state is W.COMPLETED


async def test_an_operator_who_has_a_run_tried_again_lets_the_run_go_on(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "-a", "d")
    await member(board, "t1", when_all("a"), "b")
    trigger = await board.get_trigger(G, "start")
    long = Action(job="d", arguments={"seconds": 60})
    await board.replace_trigger(replace(trigger, actions=(trigger.actions[0], long)))
    run = await board.start_workflow(G, "w")
    await clock.advance(15)
    await board.retry_run(run.runs["a"][0])
    ended = await over(board, clock, run)
    assert jobs_of(ended) == {"a": 2, "b": 1, "d": 1}


async def test_an_attempt_behind_the_end_is_kept_and_changes_nothing(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "-a")
    await member(board, "t1", when_all("a"), "b")
    ended = await over(board, clock, await board.start_workflow(G, "w"))
    again = await board.retry_run(ended.runs["a"][0])
    later = await over(board, clock, ended)
    assert await state_of(board, again.id) is RunState.SUCCEEDED
    assert (later.state, later.live, later.ended_at) == (W.COMPLETED, (), ended.ended_at)
    assert later.runs == {"a": (*ended.runs["a"], again.id)}


# stop


async def test_a_stopped_run_stops_what_is_live_and_starts_nothing_more(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "a", "b")
    await member(board, "t1", when_any(Condition(job="a", states=("stopped",))), "c")
    run = await board.start_workflow(G, "w")
    await clock.advance(1)
    stopping = await board.stop_workflow_run(run.id)
    assert stopping.state is W.STOPPING
    assert (await board.stop_workflow_run(run.id)).state is W.STOPPING
    ended = await over(board, clock, run)
    assert (ended.state, jobs_of(ended), ended.live) == (W.STOPPED, {"a": 1, "b": 1}, ())
    assert {(await board.get_run(ids[0])).state for ids in ended.runs.values()} == {
        RunState.STOPPED
    }


async def test_a_run_of_which_nothing_runs_yet_is_stopped_at_once(
    open_board: Callable[..., Any],
) -> None:
    board: Callboard = await open_board(executes=False)
    await with_jobs(board)
    await board.create_workflow(Workflow(name="w"))
    await chain(board)
    run = await board.start_workflow(G, "w")
    stopped = await board.stop_workflow_run(run.id)
    assert (stopped.state, stopped.live) == (W.STOPPED, ())
    assert await state_of(board, run.runs["a"][0]) is RunState.STOPPED


async def test_a_run_that_is_over_is_not_stopped(board: Callboard) -> None:
    run = await board.start_workflow(G, "w")
    with pytest.raises(Conflict, match="completed") as refused:
        await board.stop_workflow_run(run.id)
    assert refused.value.code == "workflow_not_running"
    with pytest.raises(NotFound):
        await board.stop_workflow_run(99)


async def test_no_attempt_follows_in_a_run_that_is_being_stopped(
    open_board: Callable[..., Any], clock: VirtualClock
) -> None:
    board: Callboard = await open_board()
    await with_jobs(board, retry=RetryPolicy(max_attempts=5, initial_s=1, jitter="none"))
    await board.create_workflow(Workflow(name="w"))
    await member(board, "start", on_demand(), "-----a", "b")
    run = await board.start_workflow(G, "w")
    await clock.advance(5)
    await board.stop_workflow_run(run.id)
    again = await over(board, clock, run)
    assert (again.state, jobs_of(again)) == (W.STOPPED, {"a": 1, "b": 1})


async def test_a_run_that_was_not_told_of_an_end_is_stopped_all_the_same(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    """As where a node of an earlier release has ended its runs."""
    await chain(board)
    run = await board.start_workflow(G, "w")
    await over(board, clock, run)
    async with store.begin() as tx:
        await tx.update_workflow_runs([run])
    assert (await now(board, run)).live
    stopped = await board.stop_workflow_run(run.id)
    assert (stopped.state, stopped.live) == (W.STOPPED, ())


# resume


async def test_a_resumed_run_runs_the_named_jobs_and_what_is_downstream(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "a", "d")
    await member(board, "t1", when_all("a"), "-b")
    await member(board, "t2", when_all("b", "d"), "c")
    first = await over(board, clock, await board.start_workflow(G, "w", properties={"x": "1"}))
    assert jobs_of(first) == {"a": 1, "b": 1, "d": 1}
    resumed = await board.resume_workflow_run(first.id, ["b"])
    assert resumed.previous_run_id == first.id
    assert (resumed.state, resumed.properties) == (W.RUNNING, {"x": "1"})
    (b,) = resumed.runs["b"]
    assert {**resumed.runs, "b": first.runs["b"]} == first.runs
    run = await board.get_run(b)
    assert (run.trigger, run.arguments) == ("t1", {"fails": 1})
    assert resumed.live == (b,)
    await over(board, clock, resumed)


async def test_a_resumed_run_fires_what_waits_for_a_job_that_runs_again_and_one_that_does_not(
    board: Callboard, clock: VirtualClock
) -> None:
    await member(board, "start", on_demand(), "a", "-b")
    await member(board, "t1", when_all("a", "b"), "c")
    await member(board, "t2", when_all("c"), "d")
    first = await over(board, clock, await board.start_workflow(G, "w"))
    assert jobs_of(first) == {"a": 1, "b": 1}
    b = await board.get_trigger(G, "start")
    assert b.actions[1].arguments == {"fails": 1}

    async def well(**_: Any) -> None:
        """It was repaired."""

    await board.define(well, name="b")
    resumed = await board.resume_workflow_run(first.id, ["b"])
    ended = await over(board, clock, resumed)
    assert jobs_of(ended) == {"a": 1, "b": 1, "c": 1, "d": 1}
    assert ended.runs["a"] == first.runs["a"]
    assert (await now(board, first)) == first


async def test_jobs_downstream_of_other_named_ones_are_left_to_their_triggers(
    board: Callboard, clock: VirtualClock
) -> None:
    await chain(board)
    first = await over(board, clock, await board.start_workflow(G, "w"))
    resumed = await board.resume_workflow_run(first.id, ["c", "a"])
    assert jobs_of(resumed) == {"a": 1}
    ended = await over(board, clock, resumed)
    assert jobs_of(ended) == {"a": 1, "b": 1, "c": 1}
    assert not set(ended.runs["c"]) & set(first.runs["c"])


async def test_resuming_is_refused_with_a_reason(board: Callboard, clock: VirtualClock) -> None:
    await chain(board)
    await member(board, "t3", when_all(Condition(job="a", states=FAILED)), "f")
    run = await board.start_workflow(G, "w")
    with pytest.raises(Conflict, match="running") as refused:
        await board.resume_workflow_run(run.id, ["a"])
    assert refused.value.code == "workflow_live"
    await over(board, clock, run)
    with pytest.raises(InvalidInput, match="jobs: is empty"):
        await board.resume_workflow_run(run.id, [])
    with pytest.raises(InvalidInput, match=r"jobs\[1\]: the job 'f' was not started"):
        await board.resume_workflow_run(run.id, ["a", "f"])
    with pytest.raises(NotFound):
        await board.resume_workflow_run(99, ["a"])
    await board.delete_workflow(G, "w")
    with pytest.raises(NotFound, match="no workflow 'w'"):
        await board.resume_workflow_run(run.id, ["a"])


# limits, properties


async def test_no_more_runs_are_live_than_max_concurrent_runs_allows(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.replace_workflow(Workflow(name="w", max_concurrent_runs=1))
    await member(board, "start", every(seconds=100), "a")
    first = await board.start_workflow(G, "w")
    with pytest.raises(Conflict, match="max_concurrent_runs allows, 1") as refused:
        await board.start_workflow(G, "w")
    assert refused.value.code == "workflow_full"
    with pytest.raises(Conflict, match="max_concurrent_runs allows, 1"):
        await board.fire_trigger(G, "start")
    await over(board, clock, first)
    assert len(await board.list_workflow_runs(WorkflowRunFilter())) == 2


async def test_a_slot_is_skipped_while_the_workflow_is_full(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.replace_workflow(Workflow(name="w", max_concurrent_runs=1))
    await member(board, "start", every(seconds=7), "a")
    await clock.advance(29)
    views = await board.read_ledger(
        G, "start", since=clock.now() - timedelta(seconds=29), until=clock.now()
    )
    told = [(view.decision, view.reason) for view in views]
    assert told == [
        (Decision.FIRED, None),
        (Decision.SKIPPED, SkipReason.LIMIT),
        (Decision.FIRED, None),
        (Decision.SKIPPED, SkipReason.LIMIT),
    ]
    assert len(await board.list_workflow_runs(WorkflowRunFilter())) == 2
    why = await board.explain_slot(G, "start", views[-1].slot)
    assert "as many runs of the workflow 'w' were live" in why.sentence


async def test_a_slot_that_its_overlap_policy_refuses_takes_no_room(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.replace_workflow(Workflow(name="w", max_concurrent_runs=1))
    skip = OverlapPolicy(policy=OverlapPolicyName.SKIP)
    await member(board, "start", every(seconds=7), "a", overlap=skip)
    await clock.advance(22)
    assert len(await board.list_workflow_runs(WorkflowRunFilter())) == 2


async def test_properties_are_laid_over_each_other(board: Callboard, clock: VirtualClock) -> None:
    await board.replace_workflow(Workflow(name="w", properties={"a": "1", "b": "1", "c": "1"}))
    run = await board.start_workflow(G, "w", properties={"b": "2", "c": "2"})
    assert run.properties == {"a": "1", "b": "2", "c": "2"}
    changed = await board.set_workflow_properties(run.id, {"c": "3", "d": "3"})
    assert changed.properties == {"a": "1", "b": "2", "c": "3", "d": "3"}
    assert await now(board, run) == changed
    assert (await board.get_workflow(G, "w")).properties == {"a": "1", "b": "1", "c": "1"}
    with pytest.raises(NotFound):
        await board.set_workflow_properties(99, {})


# definitions


async def test_a_workflow_is_created_replaced_listed_and_deleted(board: Callboard) -> None:
    made = await board.get_workflow(G, "w")
    with pytest.raises(AlreadyExists):
        await board.create_workflow(Workflow(name="w"))
    same, is_new = await board.replace_workflow(Workflow(name="w"))
    assert (same, is_new) == (made, False)
    edited, _ = await board.replace_workflow(Workflow(name="w", labels={"team": "x"}))
    assert edited.version == 2
    with pytest.raises(StaleVersion):
        await board.replace_workflow(Workflow(name="w"), expected_version=1)
    other, is_new = await board.replace_workflow(Workflow(name="v"))
    assert is_new
    assert await board.list_workflows(WorkflowFilter(group=G)) == [other, edited]
    assert await board.list_workflows(WorkflowFilter(labels={"team": "x"})) == [edited]
    await board.delete_workflow(G, "v")
    with pytest.raises(NotFound):
        await board.get_workflow(G, "v")
    with pytest.raises(NotFound):
        await board.delete_workflow(G, "v")


async def test_a_deleted_workflow_takes_its_triggers_along_and_its_live_run_goes_on(
    board: Callboard, clock: VirtualClock
) -> None:
    await chain(board)
    await board.schedule("outside", on_demand(), "f")
    run = await board.start_workflow(G, "w")
    with pytest.raises(StaleVersion):
        await board.delete_workflow(G, "w", expected_version=9)
    await board.delete_workflow(G, "w")
    assert [each.name for each in await board.list_triggers(TriggerFilter())] == ["outside"]
    assert jobs_of(await over(board, clock, run)) == {"a": 1, "b": 1, "c": 1}
    with pytest.raises(NotFound):
        await board.start_workflow(G, "w")


async def test_a_workflow_has_one_start_trigger(board: Callboard) -> None:
    await chain(board)
    for schedule in (on_demand(), every(seconds=60), after(seconds=60), Event()):
        with pytest.raises(Conflict, match="has a start trigger, 'start'") as refused:
            await member(board, "other", schedule, "b")
        assert refused.value.code == "start_trigger"
    t1 = await board.get_trigger(G, "t1")
    with pytest.raises(Conflict, match="has a start trigger"):
        await board.replace_trigger(replace(t1, schedule=every(seconds=60)))
    start = await board.get_trigger(G, "start")
    edited, _ = await board.replace_trigger(
        start.__class__(
            name="start", schedule=every(seconds=60), actions=start.actions, workflow="w"
        )
    )
    assert edited.schedule.kind == "interval"


async def test_triggers_created_together_share_one_start(board: Callboard) -> None:
    both = [
        Trigger(name=name, schedule=on_demand(), actions=(Action(job="a"),), workflow="w")
        for name in ("one", "two")
    ]
    with pytest.raises(Conflict, match="has a start trigger, 'one'"):
        await board.create_triggers(both)
    assert await board.list_triggers(TriggerFilter()) == []


async def test_a_trigger_belongs_to_its_workflow_for_good(board: Callboard) -> None:
    await chain(board)
    await board.create_workflow(Workflow(name="v"))
    with pytest.raises(InvalidInput, match=r"workflow: there is no workflow 'none'"):
        await board.create_trigger(
            Trigger(name="x", schedule=on_demand(), actions=(Action(job="a"),), workflow="none")
        )
    for wanted in ("v", None):
        with pytest.raises(InvalidInput, match=r"workflow: the trigger belongs to workflow 'w'"):
            await board.replace_trigger(
                Trigger(
                    name="t1", schedule=when_all("a"), actions=(Action(job="b"),), workflow=wanted
                )
            )


async def test_a_conditional_trigger_of_a_workflow_has_nothing_that_is_about_slots(
    board: Callboard,
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await member(board, "t", when_all("a"), "b", max_firings=1, jitter_s=5.0)
    assert [problem.field for problem in refused.value.problems] == ["max_firings", "jitter_s"]


async def test_why_a_conditional_trigger_of_a_workflow_has_no_slot_is_told(
    board: Callboard, clock: VirtualClock
) -> None:
    await chain(board)
    await over(board, clock, await board.start_workflow(G, "w"))
    told = await board.explain_slot(G, "t1", clock.now())
    assert "it fires within the runs of the workflow 'w'" in told.sentence


async def test_a_cycle_within_a_workflow_is_refused(board: Callboard) -> None:
    await chain(board)
    with pytest.raises(InvalidInput, match="a job would start itself"):
        await member(board, "t3", when_all("c"), "a")


async def test_a_backfill_of_a_workflow_is_refused(board: Callboard, clock: VirtualClock) -> None:
    await member(board, "start", every(seconds=60), "a")
    since = clock.now()
    await clock.advance(200)
    with pytest.raises(InvalidInput, match="belongs to workflow 'w'"):
        await board.create_backfill(
            NewBackfill(trigger="start", from_at=since, until_at=clock.now())
        )


async def test_the_stream_tells_of_workflows_and_their_runs(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    run = await board.start_workflow(G, "w")
    await board.delete_workflow(G, "w")
    batches = await store.read_events(0, 1000)
    told = [
        (record.type, record.patch)
        for batch in batches
        for record in batch.records
        if record.type.startswith("workflow")
    ]
    facts = {"group": G, "name": "w", "id": run.id}
    assert told == [
        ("workflow.changed", {"group": G, "name": "w", "version": 1}),
        ("workflow_run.started", {**facts, "state": "completed"}),
        ("workflow_run.ended", {**facts, "state": "completed"}),
        ("workflow.deleted", {"group": G, "name": "w"}),
    ]


async def test_a_run_goes_on_where_its_board_was_killed(
    open_board: Callable[..., Any], clock: VirtualClock
) -> None:
    first: Callboard = await open_board(**SHORT)
    await with_jobs(first)
    await first.create_workflow(Workflow(name="w"))
    await chain(first)
    run = await first.start_workflow(G, "w")
    await clock.advance(15)
    await die(first, clock)
    second: Callboard = await open_board(**SHORT)
    await with_jobs(second)
    await clock.advance(900)
    ended = await now(second, run)
    assert (ended.state, jobs_of(ended)) == (W.COMPLETED, {"a": 1, "b": 1, "c": 1})


async def test_a_start_from_outside_that_retries_one_of_its_runs_is_no_part_of_it(
    board: Callboard, clock: VirtualClock
) -> None:
    await chain(board)
    ended = await over(board, clock, await board.start_workflow(G, "w"))
    (a,) = ended.runs["a"]
    (again,) = await board.start_runs([NewRun(job="a", previous_run_id=a)])
    run: Run = await board.get_run(again.id)
    assert run.terms is None or run.terms.workflow_run_id is None
    assert (await over(board, clock, ended)).runs == ended.runs
