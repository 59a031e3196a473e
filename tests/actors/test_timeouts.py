"""Timeouts: in the queue, of an attempt, of a whole chain of attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from callboard import Callboard, RetryPolicy, RunState, Snooze, every, job
from callboard.domain.job import Jitter
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName
from callboard.store.contract import RunFilter
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.boards import all_runs, die
from support.factories import after

OpenBoard = Callable[..., Any]
SHORT = {"lease_s": 10.0, "rescue_every_s": 2.0, "poll_s": 5.0}


@job(name="wait")
async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@job(name="fail")
async def fail() -> None:
    raise ValueError("no")


def exact(max_attempts: int, seconds: float) -> RetryPolicy:
    return RetryPolicy(max_attempts=max_attempts, initial_s=seconds, factor=1, jitter=Jitter.NONE)


@pytest.fixture
async def front(open_board: OpenBoard) -> Callboard:
    """A board that executes nothing."""
    board: Callboard = await open_board(**SHORT, executes=False)
    return board


async def test_a_run_that_waits_for_too_long_times_out_at_its_instant(
    front: Callboard, clock: VirtualClock
) -> None:
    await front.define(wait_for_ever, queue_timeout_s=7, retry=exact(5, 1))
    run_id = (await front.start("wait")).id
    await clock.advance(6.9)
    assert (await front.get_run(run_id)).state is RunState.QUEUED
    await clock.advance(0.2)
    (run,) = await all_runs(front)
    assert (run.state, run.started_at) == (RunState.TIMED_OUT, None)
    assert run.error is not None
    assert run.error.type == "QueueTimeout"
    assert run.error.message == "it waited for longer than its limit of 7 s"


async def test_a_run_may_wait_from_its_due_time_on(front: Callboard, clock: VirtualClock) -> None:
    await front.define(wait_for_ever, queue_timeout_s=7)
    run_id = (await front.start("wait", due_at=after(100))).id
    await clock.advance(106)
    assert (await front.get_run(run_id)).state is RunState.QUEUED
    await clock.advance(2)
    assert (await front.get_run(run_id)).state is RunState.TIMED_OUT


async def test_a_run_that_began_in_time_goes_on(open_board: OpenBoard, clock: VirtualClock) -> None:
    board = await open_board(**SHORT)
    await board.define(wait_for_ever, queue_timeout_s=5)
    run_id = (await board.start("wait")).id
    await clock.advance(60)
    assert (await board.get_run(run_id)).state is RunState.RUNNING


async def test_the_wait_of_a_run_whose_node_died_begins_anew(
    open_board: OpenBoard, front: Callboard, clock: VirtualClock
) -> None:
    board = await open_board(**SHORT)
    await board.define(wait_for_ever, queue_timeout_s=8)
    run_id = (await board.start("wait")).id
    await clock.advance(30)
    await die(board, clock)
    for _ in range(15):
        await clock.advance(1)
        run = await front.get_run(run_id)
        if run.state is RunState.QUEUED:
            break
    assert (run.state, run.crashes) == (RunState.QUEUED, 1)
    await clock.advance(6.5)
    assert (await front.get_run(run_id)).state is RunState.QUEUED
    await clock.advance(2)
    assert (await front.get_run(run_id)).state is RunState.TIMED_OUT


async def test_the_wait_of_a_snoozed_run_begins_when_the_snooze_is_over(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    async def handler() -> Snooze:
        return Snooze(100)

    board = await open_board(**SHORT)
    await board.define(handler, name="sleepy", queue_timeout_s=8)
    run_id = (await board.start("sleepy")).id
    await clock.advance(1)
    run = await board.get_run(run_id)
    assert run.terms.start_by == after(108)


async def test_a_held_run_waits_for_its_turn_and_then_for_its_time(
    front: Callboard, clock: VirtualClock
) -> None:
    await front.define(wait_for_ever, queue_timeout_s=50)
    one_by_one = OverlapPolicy(policy=OverlapPolicyName.BUFFER, limit=5)
    await front.schedule("line", every(seconds=20), job="wait", overlap=one_by_one)
    await clock.advance(45)
    first, second = await all_runs(front)
    assert (first.is_held, second.is_held) == (False, True)
    await clock.advance(20 + 50 - 45 + 0.5)
    first, second, *_ = await all_runs(front)
    assert (first.state, second.state, second.is_held) == (
        RunState.TIMED_OUT,
        RunState.QUEUED,
        False,
    )
    await clock.advance(49)
    assert (await front.get_run(second.id)).state is RunState.QUEUED
    await clock.advance(2)
    assert (await front.get_run(second.id)).state is RunState.TIMED_OUT


async def test_an_attempt_ends_with_its_chain(open_board: OpenBoard, clock: VirtualClock) -> None:
    board = await open_board(**SHORT)
    await board.define(wait_for_ever, timeout_s=60, chain_timeout_s=20, retry=exact(5, 1))
    await board.start("wait")
    await clock.advance(21)
    (run,) = await all_runs(board)
    assert run.state is RunState.TIMED_OUT
    assert run.error is not None
    assert (run.error.type, run.error.message) == (
        "ChainTimeout",
        "the time of its chain of attempts was over",
    )


async def test_a_timeout_of_an_attempt_is_tried_again_within_the_chain(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    board = await open_board(**SHORT)
    await board.define(wait_for_ever, timeout_s=5, chain_timeout_s=12, retry=exact(5, 1))
    await board.start("wait")
    await clock.advance(30)
    first, second = await all_runs(board)
    assert first.error is not None
    assert second.error is not None
    assert (first.error.type, second.error.type) == ("TimedOut", "TimedOut")
    assert second.ended_at == after(11)
    assert second.error.message.endswith(
        "; not retried: the time of its chain of attempts is over by then"
    )


async def test_a_retry_that_would_be_too_late_is_not_created(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    board = await open_board(**SHORT)
    await board.define(fail, chain_timeout_s=10, retry=exact(99, 4))
    await board.start("fail")
    await clock.advance(100)
    runs = await all_runs(board)
    assert [run.ended_at for run in runs] == [after(0), after(4), after(8)]
    assert runs[-1].error is not None
    assert runs[-1].error.message.startswith("no; not retried:")
    assert {run.terms.chain_until for run in runs} == {after(10)}


async def test_the_end_of_the_chain_ends_a_snooze(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    async def handler() -> Snooze:
        return Snooze(100)

    board = await open_board(**SHORT)
    await board.define(handler, name="sleepy", chain_timeout_s=10)
    await board.start("sleepy")
    await clock.advance(11)
    (run,) = await all_runs(board)
    assert run.state is RunState.TIMED_OUT
    assert run.error is not None
    assert run.error.type == "ChainTimeout"


async def test_an_operator_gives_the_chain_its_time_again(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    board = await open_board(**SHORT)
    await board.define(fail, chain_timeout_s=10, retry=exact(2, 1))
    await board.start("fail")
    await clock.advance(50)
    last = (await all_runs(board))[-1]
    again = await board.retry_run(last.id)
    assert again.terms.chain_until == after(60)
    await clock.advance(20)
    runs = await all_runs(board)
    assert [run.attempt for run in runs] == [1, 2, 3]
    assert {run.state for run in runs} == {RunState.FAILED}
    assert {run.chain_id for run in runs} == {runs[0].id}


async def test_of_two_nodes_one_ends_a_run_that_waited_for_too_long(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    boards = [await open_board(**SHORT, executes=False) for _ in range(2)]
    await boards[0].define(wait_for_ever, queue_timeout_s=3)
    await boards[0].start_many("wait", [{}] * 1200)
    await clock.advance(9)
    runs = await boards[1].list_runs(RunFilter(limit=10_000))
    assert len(runs) == 1200
    assert {run.state for run in runs} == {RunState.TIMED_OUT}


async def test_another_node_ends_what_the_one_that_knew_of_it_did_not(
    open_board: OpenBoard, front: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    """Found by its own look, without having been told."""
    board = await open_board(**SHORT, executes=False)
    await board.define(wait_for_ever, queue_timeout_s=3)
    run_id = (await board.start("wait")).id
    board._actors["timekeeper"]._actor_weakref().timers.cancel_all()
    await clock.advance(9)
    assert (await front.get_run(run_id)).state is RunState.TIMED_OUT
