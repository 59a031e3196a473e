"""What becomes of a run whose handler returns a wish instead of a result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from callboard import Callboard, Cancel, Retry, RetryPolicy, Run, RunState, Snooze, every
from callboard.domain.job import Jitter
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.boards import all_runs, die
from support.factories import after

OpenBoard = Callable[..., Any]
SHORT = {"lease_s": 10.0, "rescue_every_s": 2.0, "poll_s": 5.0}
EXACT = RetryPolicy(max_attempts=3, initial_s=5, jitter=Jitter.NONE)
ISOLATIONS = pytest.mark.parametrize("isolation", ["loop", "thread"])


def answering(*answers: object) -> Callable[[], Any]:
    """A handler that returns one after the other."""
    left = [*answers]

    async def handler() -> Any:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handler


async def started(board: Callboard, handler: Any, **definition: Any) -> int:
    await board.define(handler, name="work", **definition)
    return (await board.start("work")).id


@ISOLATIONS
async def test_a_retry_fails_the_run_and_has_it_tried_again(
    board: Callboard, clock: VirtualClock, isolation: str
) -> None:
    handler = answering(Retry(after=60, reason="no file yet"), "there")
    await started(board, handler, isolation=isolation, retry=EXACT)
    await clock.advance(59)
    first, second = await all_runs(board)
    assert (first.state, first.result) == (RunState.FAILED, None)
    assert first.error is not None
    assert (first.error.type, first.error.message) == ("Retry", "no file yet")
    assert (second.state, second.due_at, second.attempt) == (RunState.QUEUED, after(60), 2)
    assert (second.previous_run_id, second.chain_id) == (first.id, first.id)
    await clock.advance(1)
    assert [run.state for run in await all_runs(board)] == [RunState.FAILED, RunState.SUCCEEDED]


async def test_a_retry_that_does_not_say_when_goes_by_the_policy(
    board: Callboard, clock: VirtualClock
) -> None:
    await started(board, answering(Retry(), None), retry=EXACT)
    await clock.settle()
    assert (await all_runs(board))[1].due_at == after(5)


async def test_a_retry_needs_an_attempt_that_is_left_and_says_so(
    board: Callboard, clock: VirtualClock
) -> None:
    run_id = await started(board, answering(Retry(reason="not yet")))
    await clock.settle()
    run = await board.get_run(run_id)
    assert run.error is not None
    assert run.error.message == "not yet; not retried: attempt 1 was its last one"
    assert len(await all_runs(board)) == 1


@ISOLATIONS
async def test_a_cancel_stops_the_run_for_good(
    board: Callboard, clock: VirtualClock, isolation: str
) -> None:
    handler = answering(Cancel("the order was withdrawn"))
    run_id = await started(board, handler, isolation=isolation, retry=EXACT)
    await clock.advance(100)
    (run,) = await all_runs(board)
    assert (run.id, run.state) == (run_id, RunState.STOPPED)
    assert run.error is not None
    assert (run.error.type, run.error.message) == ("Cancelled", "the order was withdrawn")


@ISOLATIONS
async def test_a_snooze_is_the_same_attempt_later(
    board: Callboard, clock: VirtualClock, isolation: str
) -> None:
    handler = answering(Snooze(timedelta(minutes=10), "the bank is closed"), "paid")
    run_id = await started(board, handler, isolation=isolation)
    await clock.advance(599)
    run = await board.get_run(run_id)
    assert (run.state, run.attempt, run.due_at) == (RunState.QUEUED, 1, after(600))
    assert (run.node, run.epoch, run.started_at, run.error) == (None, None, None, None)
    await clock.advance(1)
    (run,) = await all_runs(board)
    assert (run.id, run.state, run.attempt, run.result) == (run_id, RunState.SUCCEEDED, 1, "paid")


async def test_a_snooze_is_told_in_the_log_that_goes_on_behind_it(
    board: Callboard, clock: VirtualClock
) -> None:
    answers = [Snooze(60, "the bank is closed"), None]

    async def handler() -> object:
        print("knock")
        return answers.pop(0)

    run_id = await started(board, handler)
    await clock.advance(70)
    lines = [(line.seq, line.text) for line in await board.read_log(run_id)]
    assert lines == [
        (1, "knock"),
        (2, "snoozed for 60 s: the bank is closed"),
        (3, "knock"),
    ]


async def test_a_snooze_is_told_also_where_nothing_else_is(
    board: Callboard, clock: VirtualClock
) -> None:
    run_id = await started(board, answering(Snooze(1.5), None))
    await clock.advance(70)
    (line,) = await board.read_log(run_id)
    assert (line.stream, line.level, line.text) == ("log", "INFO", "snoozed for 1.5 s")


async def test_snoozes_count_nowhere(board: Callboard, clock: VirtualClock) -> None:
    handler = answering(*[Snooze(1)] * 20, ValueError(), None)
    await started(board, handler, retry=RetryPolicy(max_attempts=2, initial_s=0))
    await clock.advance(100)
    first, second = await all_runs(board)
    assert (first.state, first.attempt, first.crashes) == (RunState.FAILED, 1, 0)
    assert (second.state, second.attempt) == (RunState.SUCCEEDED, 2)


async def test_a_snooze_gives_its_place_to_others(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    board = await open_board(**SHORT, capacity=1)
    snoozing = await started(board, answering(Snooze(100)))

    async def done() -> None:
        pass

    await board.define(done, name="other")
    other = (await board.start("other")).id
    await clock.settle()
    assert (await board.get_run(snoozing)).state is RunState.QUEUED
    assert (await board.get_run(other)).state is RunState.SUCCEEDED


async def test_its_trigger_sees_a_live_run_while_it_is_snoozed(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.define(answering(Snooze(100), None, None, None), name="work")
    skip = OverlapPolicy(policy=OverlapPolicyName.SKIP)
    await board.schedule("often", every(seconds=40), job="work", overlap=skip)
    await clock.advance(125)
    (run,) = await all_runs(board)
    assert run.state is RunState.QUEUED
    assert run.slot is not None
    slot = run.slot
    await clock.advance(20)
    assert ((await board.get_run(run.id)).state, run.slot) == (RunState.SUCCEEDED, slot)


async def test_a_stop_ends_a_snooze(board: Callboard, clock: VirtualClock) -> None:
    run_id = await started(board, answering(Snooze(100), "too late"))
    await clock.advance(1)
    assert (await board.stop_run(run_id)).state is RunState.STOPPED
    await clock.advance(200)
    assert [run.state for run in await all_runs(board)] == [RunState.STOPPED]


async def test_a_stop_that_came_before_the_snooze_wins(
    board: Callboard, clock: VirtualClock
) -> None:
    async def handler() -> Snooze:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Snooze(60)
        raise AssertionError

    run_id = await started(board, handler)
    await clock.settle()
    await board.stop_run(run_id)
    await clock.advance(1)
    assert (await board.get_run(run_id)).state is RunState.STOPPED


async def test_a_snooze_that_a_timeout_asked_for_is_a_timeout(
    board: Callboard, clock: VirtualClock
) -> None:
    async def handler() -> Snooze:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Snooze(60)
        raise AssertionError

    run_id = await started(board, handler, timeout_s=5)
    await clock.advance(6)
    run = await board.get_run(run_id)
    assert run.state is RunState.TIMED_OUT
    assert run.error is not None
    assert run.error.type == "TimedOut"


async def test_a_snooze_of_a_node_that_lost_the_run_changes_nothing(
    open_board: OpenBoard, clock: VirtualClock, store: MemoryStore
) -> None:
    may_end = asyncio.Event()
    one: Callboard = await open_board(**SHORT)

    async def handler() -> Snooze:
        await may_end.wait()
        return Snooze(10_000)

    run_id = await started(one, handler)
    await clock.settle()
    two: Callboard = await open_board(**SHORT, executes=False)
    await die(one, clock)
    await clock.advance(15)
    may_end.set()
    await clock.advance(5)
    run = await two.get_run(run_id)
    assert (run.state, run.crashes) == (RunState.QUEUED, 1)
    assert run.due_at < after(100)


async def test_a_run_whose_node_dies_in_a_snooze_is_run_when_it_is_over(
    open_board: OpenBoard, clock: VirtualClock, store: MemoryStore
) -> None:
    one: Callboard = await open_board(**SHORT)
    run_id = await started(one, answering(Snooze(100)))
    await clock.advance(1)
    await die(one, clock)
    two: Callboard = await open_board(**SHORT)
    await two.define(answering("done"), name="work")
    await clock.advance(98)
    run: Run = await two.get_run(run_id)
    assert (run.state, run.crashes) == (RunState.QUEUED, 0)
    await clock.advance(2)
    run = await two.get_run(run_id)
    assert (run.state, run.node, run.result) == (RunState.SUCCEEDED, "node-2", "done")


async def test_many_snooze_in_one_commit(board: Callboard, clock: VirtualClock) -> None:
    async def handler() -> Snooze:
        return Snooze(1000)

    await board.define(handler, name="work")
    await board.start_many("work", [{}] * 300)
    await clock.advance(1)
    runs = await all_runs(board)
    assert {(run.state, run.attempt) for run in runs} == {(RunState.QUEUED, 1)}
    assert len(runs) == 300


@pytest.mark.parametrize("isolation", ["loop", "thread"])
async def test_r08_a_wish_that_cannot_be_read_fails_the_run(
    board: Callboard, clock: VirtualClock, isolation: str
) -> None:
    async def handler() -> Snooze:
        return Snooze(float("nan"))

    run_id = await started(board, handler, isolation=isolation)
    await clock.advance(1)
    run = await board.get_run(run_id)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "Snooze.for_: nan is not a duration" in run.error.message
