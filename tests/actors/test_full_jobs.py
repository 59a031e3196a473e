"""Jobs with on_full=refuse on a board: what is refused, what fails at once, what never is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callboard import (
    Callboard,
    Condition,
    GivenTerms,
    NewBackfill,
    NewRun,
    OnFull,
    OverlapPolicy,
    OverlapPolicyName,
    RetryPolicy,
    RunState,
    cron,
    every,
    when_all,
)
from callboard.domain.schedule import Delay, on_demand
from callboard.domain.trigger import Action
from callboard.errors import Conflict
from callboard.store.contract import RunFilter
from callboard.testing import VirtualClock
from support.boards import all_runs, answered, meanwhile

FULL: dict[str, Any] = {"max_concurrent_runs": 1, "on_full": OnFull.REFUSE}


@pytest.fixture
async def board(open_board: Callable[..., Any]) -> Callboard:
    one: Callboard = await open_board()
    await define(one, "busy", **FULL)
    await define(one, "other")
    return one


async def define(board: Callboard, name: str, **fields: Any) -> None:
    async def work(seconds: float = 60.0, fails: int = 0) -> None:
        await board.clock.sleep_until(board.clock.monotonic() + seconds)
        if fails:
            raise RuntimeError("as asked")

    work.__qualname__ = f"work_{name}"
    await board.define(work, name=name, **fields)


async def code_of(work: Any) -> str:
    answer = await answered(work)
    assert isinstance(answer, Conflict)
    return answer.code


async def test_a_start_is_refused_until_the_run_has_ended(
    board: Callboard, clock: VirtualClock
) -> None:
    """G40"""
    await board.start("busy")
    assert await code_of(board.start("busy")) == "job_full"
    await clock.advance(30)
    assert await code_of(board.start_many("busy", [{}])) == "job_full"
    await clock.advance(31)
    await board.start("busy")
    assert len(await all_runs(board)) == 2


async def test_a_start_in_a_callers_words_may_wait(board: Callboard, clock: VirtualClock) -> None:
    await board.start("busy")
    queue = GivenTerms(on_full=OnFull.QUEUE)
    (waiting,) = await board.start_runs([NewRun(job="busy", terms=queue)])
    await clock.advance(30)
    assert (await board.get_run(waiting.id)).state is RunState.QUEUED
    await clock.advance(31)
    assert (await board.get_run(waiting.id)).state is RunState.RUNNING
    assert await code_of(board.start("busy")) == "job_full"


async def test_a_slot_that_finds_the_job_full_leaves_a_failed_run(
    board: Callboard, clock: VirtualClock
) -> None:
    """Its failure is final, whatever the retry policy says; a slot that finds room runs."""
    await define(board, "slow", retry=RetryPolicy(max_attempts=3), **FULL)
    await board.schedule("often", every(seconds=40), job="slow")
    await clock.advance(121)
    runs = await all_runs(board, job="slow")
    assert [run.state for run in runs] == [
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.RUNNING,
    ]
    full = runs[1]
    assert full.error is not None
    assert (full.error.type, full.started_at, full.node) == ("JobFull", None, None)
    assert "max_concurrent_runs allows, 1" in full.error.message


async def test_what_watches_the_job_sees_the_failure_as_any_other(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.schedule("alarm", when_all(Condition(job="busy", states=("failed",))), "other")
    await board.schedule("often", every(seconds=40), job="busy")
    await clock.advance(45)
    assert await all_runs(board, trigger="alarm") == []
    await clock.advance(40)
    assert len(await all_runs(board, trigger="alarm")) == 1


async def test_a_condition_that_finds_the_job_full_leaves_a_failed_run(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.schedule("then", when_all("other"), "busy")
    await board.start("busy")
    await meanwhile(clock, (await board.start("other", {"seconds": 1})).wait())
    await clock.advance(5)
    (run,) = await all_runs(board, trigger="then")
    assert run.state is RunState.FAILED


async def test_backfilled_slots_that_find_the_job_full_have_failed(
    board: Callboard, clock: VirtualClock
) -> None:
    await clock.advance(3 * 3600)
    await board.schedule("hourly", cron("0 * * * *"), "busy")
    now = clock.now()
    wanted = NewBackfill(
        trigger="hourly", from_at=now - timedelta(hours=3), until_at=now, max_concurrent=3
    )
    backfill = await board.create_backfill(wanted)
    await clock.advance(100)
    states = [run.state for run in await all_runs(board)]
    assert states == [RunState.SUCCEEDED, RunState.FAILED, RunState.FAILED]
    ended = await board.get_backfill(backfill.id)
    assert (ended.fired, ended.succeeded, ended.failed) == (3, 1, 2)


async def test_a_delay_goes_on_behind_a_run_that_found_no_room(
    board: Callboard, clock: VirtualClock
) -> None:

    await board.start("busy", {"seconds": 95})
    await board.schedule("again", Delay(after_s=30.0), job="busy")
    await clock.advance(125)
    runs = await all_runs(board, trigger="again")
    assert [run.state for run in runs] == [RunState.FAILED] * 3 + [RunState.RUNNING]


async def test_a_fire_by_hand_leaves_a_failed_run_beside_those_that_found_room(
    board: Callboard, clock: VirtualClock
) -> None:
    """G40"""
    actions = (Action(job="other"), Action(job="busy"))
    await board.schedule("hand", on_demand(), actions)
    assert len(await board.fire_trigger("default", "hand")) == 2
    other, busy = await board.fire_trigger("default", "hand")
    assert (other.state, busy.state) == (RunState.QUEUED, RunState.FAILED)
    assert busy.error is not None
    assert busy.error.type == "JobFull"


async def test_the_next_attempt_is_not_refused(
    open_board: Callable[..., Any], clock: VirtualClock
) -> None:
    """While it waits for its delay it is live, and others are refused."""
    board: Callboard = await open_board()
    retry = RetryPolicy(max_attempts=2, initial_s=50.0, jitter="none")
    await define(board, "flaky", retry=retry, **FULL)
    await board.start("flaky", {"seconds": 10, "fails": 1})
    await clock.advance(20)
    assert await code_of(board.start("flaky")) == "job_full"
    await clock.advance(60)
    runs = await all_runs(board)
    assert [(run.state, run.attempt) for run in runs] == [
        (RunState.FAILED, 1),
        (RunState.FAILED, 2),
    ]
    await board.start("flaky")


async def test_a_firing_that_its_trigger_holds_is_let_in_when_it_is_released(
    board: Callboard, clock: VirtualClock
) -> None:
    one_by_one = OverlapPolicy(policy=OverlapPolicyName.BUFFER_ONE)
    await board.schedule("often", every(seconds=40), job="busy", overlap=one_by_one)
    await clock.advance(85)
    first, second = await all_runs(board)
    assert (first.state, second.is_held) == (RunState.RUNNING, True)
    assert await code_of(board.start("busy")) == "job_full"
    await clock.advance(20)
    assert (await board.get_run(second.id)).state is RunState.RUNNING


async def test_an_edit_to_wait_lets_starts_in(board: Callboard, clock: VirtualClock) -> None:
    await board.start("busy")
    job = await board.get_job("default", "busy")
    await board.replace_job(replace(job, on_full=OnFull.QUEUE))
    await board.start("busy")
    await board.replace_job(job)
    assert await code_of(board.start("busy")) == "job_full"


async def test_nothing_is_told_of_a_start_that_was_refused(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.start("busy")
    async with board.subscribe(snapshot=False) as events:
        assert await code_of(board.start("busy")) == "job_full"
        await board.start("other")
        event = await meanwhile(clock, anext(aiter(events)))
        assert (event.type, event.run.job) == ("run.queued", "other")


async def test_the_timeout_of_a_start_counts_instead_of_the_jobs(
    open_board: Callable[..., Any], clock: VirtualClock
) -> None:
    """Of every attempt; a longer one, too."""
    board: Callboard = await open_board()
    retry = RetryPolicy(max_attempts=2, initial_s=1.0, jitter="none")
    await define(board, "timed", timeout_s=20, retry=retry)
    wanted = [NewRun(job="timed", terms=GivenTerms(timeout_s=each)) for each in (5, 90, None)]
    short, long, usual = await board.start_runs(wanted)
    await clock.advance(59)
    tries = await board.list_runs(RunFilter(chain_id=short.id))
    assert [(run.state, run.attempt) for run in tries] == [
        (RunState.TIMED_OUT, 2),
        (RunState.TIMED_OUT, 1),
    ]
    assert tries[0].error.message == "it took longer than 5 s"
    assert tries[0].terms.timeout_s == 5
    assert (await board.get_run(long.id)).state is RunState.RUNNING
    assert (await board.get_run(usual.id)).state is RunState.TIMED_OUT
    await clock.advance(5)
    assert (await board.get_run(long.id)).state is RunState.SUCCEEDED


async def test_the_timeout_of_an_action_counts_for_its_runs(
    board: Callboard, clock: VirtualClock
) -> None:
    action = Action(job="other", terms=GivenTerms(timeout_s=5))
    await board.schedule("hand", on_demand(), [action])
    (run,) = await board.fire_trigger("default", "hand")
    await clock.advance(6)
    assert (await board.get_run(run.id)).state is RunState.TIMED_OUT


async def test_a_start_as_a_further_attempt_gets_no_automatic_one_beyond_the_policy(
    open_board: Callable[..., Any], clock: VirtualClock
) -> None:
    board: Callboard = await open_board()
    retry = RetryPolicy(max_attempts=2, initial_s=1.0, jitter="none")
    await define(board, "flaky", retry=retry)
    failing = {"seconds": 1, "fails": 1}
    await board.start("flaky", failing)
    await clock.advance(10)
    last = (await all_runs(board))[-1]
    await board.start_runs([NewRun(job="flaky", arguments=failing, previous_run_id=last.id)])
    await clock.advance(10)
    runs = await all_runs(board)
    assert [run.attempt for run in runs] == [1, 2, 3]
    assert {run.chain_id for run in runs} == {runs[0].id}
