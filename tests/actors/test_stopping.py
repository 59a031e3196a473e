"""Stops: wherever they meet a run, it ends in the right state, once, and is not tried again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from callboard import (
    Callboard,
    OnCrash,
    RetryPolicy,
    Run,
    RunState,
    StopMode,
    every,
    job,
)
from callboard.commands import ClaimRuns, StopRun
from callboard.domain.job import Jitter
from callboard.domain.states import ENDED
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName
from callboard.errors import Conflict
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.boards import all_runs, die, meanwhile
from support.factories import after, stored_node

OpenBoard = Callable[..., Any]
SHORT = {"lease_s": 10.0, "rescue_every_s": 2.0, "poll_s": 5.0}
EAGER = RetryPolicy(max_attempts=9, initial_s=50, factor=1, jitter=Jitter.NONE)
"""Whatever fails is tried again: what is stopped must not be."""


@job(name="wait", retry=EAGER)
async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@pytest.fixture
async def deaf() -> AsyncIterator[Any]:
    """A handler that does not hear when it is asked to end; it ends with the test."""
    over = asyncio.Event()

    @job(name="deaf", retry=EAGER)
    async def handler() -> None:
        while not over.is_set():
            with suppress(asyncio.CancelledError):
                await over.wait()

    yield handler
    over.set()
    await asyncio.sleep(0)


@pytest.fixture
async def board(open_board: OpenBoard, store: MemoryStore) -> AsyncIterator[Callboard]:
    """At the end, every run that has ended has ended once, by its events."""
    one: Callboard = await open_board(**SHORT)
    yield one
    await assert_each_ended_once(store)


async def assert_each_ended_once(store: MemoryStore) -> None:
    told = [
        record.run_id
        for batch in await store.read_events(0, 10_000)
        for record in batch.records
        if record.type == "run.ended"
    ]
    assert len(told) == len(set(told))
    runs = await store.get_runs(sorted(set(filter(None, told))))
    assert {run.state in ENDED for run in runs.values()} <= {True}


async def begun(board: Callboard, clock: VirtualClock, handler: Any, **definition: Any) -> int:
    defined = await board.define(handler, **definition)
    run_id = (await board.start(defined.name)).id
    await clock.settle()
    assert (await board.get_run(run_id)).state is RunState.RUNNING
    return run_id


async def the_only(board: Callboard, clock: VirtualClock) -> Run:
    """The only run, long after everything that could follow it."""
    await clock.advance(300)
    (run,) = await all_runs(board)
    return run


# where nobody works on it


async def test_r06_a_queued_run_is_stopped_at_once(board: Callboard, clock: VirtualClock) -> None:
    await board.define(wait_for_ever)
    run_id = (await board.start("wait", due_at=after(100))).id
    assert (await board.stop_run(run_id)).state is RunState.STOPPED
    run = await the_only(board, clock)
    assert (run.state, run.started_at, run.error) == (RunState.STOPPED, None, None)


async def test_a_held_run_is_stopped_and_the_next_one_moves_up(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.define(wait_for_ever)
    line = OverlapPolicy(policy=OverlapPolicyName.BUFFER, limit=5)
    await board.schedule("line", every(seconds=10), "wait", overlap=line)
    await clock.advance(32)
    first, second, third = await all_runs(board)
    assert (second.is_held, third.is_held) == (True, True)
    assert (await board.stop_run(second.id)).state is RunState.STOPPED
    await board.stop_run(first.id, mode=StopMode.KILL)
    await clock.advance(2)
    states = {run.id: run.state for run in await all_runs(board)}
    assert [states[run.id] for run in (first, second, third)] == [
        RunState.STOPPED,
        RunState.STOPPED,
        RunState.RUNNING,
    ]


async def test_r06_a_run_in_backoff_is_stopped_and_its_chain_is_over(
    board: Callboard, clock: VirtualClock
) -> None:
    async def fail() -> None:
        raise ValueError

    await board.define(fail, name="fail", retry=EAGER)
    await board.start("fail")
    await clock.advance(1)
    first, second = await all_runs(board)
    assert (second.state, second.due_at) == (RunState.QUEUED, after(50))
    await board.stop_run(second.id)
    await clock.advance(300)
    assert [run.state for run in await all_runs(board)] == [RunState.FAILED, RunState.STOPPED]
    with pytest.raises(Conflict, match="cannot stop a run that is failed"):
        await board.stop_run(first.id)


async def test_a_parked_run_is_stopped_and_keeps_the_reason_why_it_was_parked(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.define(wait_for_ever)
    await board.replace_job(
        _with_handler(await board.get_job("default", "wait"), "nowhere:to_be_found")
    )
    run_id = (await board.start("wait")).id
    await clock.advance(1)
    assert (await board.get_run(run_id)).state is RunState.PARKED
    assert (await board.stop_run(run_id)).state is RunState.STOPPED
    run = await the_only(board, clock)
    assert run.error is not None
    assert (run.state, run.error.type) == (RunState.STOPPED, "UnknownHandler")


def _with_handler(stored: Any, handler: str) -> Any:
    return replace(stored, spec={**stored.spec, "handler": handler})


# while it runs


async def test_a_run_that_obeys_is_stopped(board: Callboard, clock: VirtualClock) -> None:
    run_id = await begun(board, clock, wait_for_ever)
    assert (await board.stop_run(run_id)).state is RunState.STOPPING
    run = await the_only(board, clock)
    assert (run.state, run.ended_at) == (RunState.STOPPED, after(0))


async def test_r06_a_run_that_fails_when_it_is_asked_is_stopped_with_its_error(
    board: Callboard, clock: VirtualClock
) -> None:
    async def clumsy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("the file is locked")

    run_id = await begun(board, clock, clumsy, name="clumsy", retry=EAGER)
    await board.stop_run(run_id)
    run = await the_only(board, clock)
    assert run.error is not None
    assert (run.state, run.error.type) == (RunState.STOPPED, "OSError")


async def test_a_run_that_ignores_the_stop_is_let_go_when_its_grace_is_over(
    board: Callboard, clock: VirtualClock, deaf: Any
) -> None:
    run_id = await begun(board, clock, deaf)
    await board.stop_run(run_id, grace_s=20)
    await clock.advance(19)
    assert (await board.get_run(run_id)).state is RunState.STOPPING
    await clock.advance(3)
    run = await board.get_run(run_id)
    assert run.error is not None
    assert (run.state, run.error.type) == (RunState.STOPPED, "Detached")


async def test_a_kill_does_not_ask(board: Callboard, clock: VirtualClock, deaf: Any) -> None:
    run_id = await begun(board, clock, deaf)
    await board.stop_run(run_id, mode=StopMode.KILL, grace_s=1000)
    await clock.advance(2)
    assert (await board.get_run(run_id)).state is RunState.STOPPED


async def test_a_kill_cuts_the_grace_of_an_earlier_stop_short(
    board: Callboard, clock: VirtualClock, deaf: Any
) -> None:
    run_id = await begun(board, clock, deaf)
    await board.stop_run(run_id, grace_s=1000)
    await clock.advance(100)
    assert (await board.get_run(run_id)).state is RunState.STOPPING
    assert (await board.stop_run(run_id, mode=StopMode.KILL)).stop_mode is StopMode.KILL
    await clock.advance(2)
    assert (await board.get_run(run_id)).state is RunState.STOPPED


async def test_r06_a_run_that_succeeds_all_the_same_has_succeeded(
    board: Callboard, clock: VirtualClock
) -> None:
    async def almost_done() -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "done"

    run_id = await begun(board, clock, almost_done, name="almost", retry=EAGER)
    await board.stop_run(run_id)
    run = await the_only(board, clock)
    assert (run.state, run.result) == (RunState.SUCCEEDED, "done")


async def test_r06_a_stop_after_the_end_is_refused_and_changes_nothing(
    board: Callboard, clock: VirtualClock
) -> None:
    async def quick() -> str:
        return "done"

    await board.define(quick, name="quick")
    run_id = (await board.start("quick")).id
    await clock.settle()
    with pytest.raises(Conflict, match="cannot stop a run that is succeeded"):
        await board.stop_run(run_id)
    assert (await the_only(board, clock)).result == "done"


async def test_r06_a_stop_and_an_end_that_share_a_commit(
    board: Callboard, clock: VirtualClock
) -> None:
    """The end comes first; the stop finds that there is nothing to stop."""
    may_end = asyncio.Event()

    async def on_command() -> str:
        await may_end.wait()
        return "done"

    run_id = await begun(board, clock, on_command, name="on-command")
    may_end.set()
    stop = board._ask(StopRun(run_id=run_id, mode=StopMode.COOPERATIVE, grace_s=1.0))
    with suppress(Conflict):
        await meanwhile(clock, _awaited(stop))
    run = await the_only(board, clock)
    assert (run.state, run.result) == (RunState.SUCCEEDED, "done")


async def _awaited(work: Any) -> Any:
    return await work


@pytest.mark.parametrize("mode", list(StopMode))
async def test_a_stop_that_shares_a_commit_with_the_claim(
    open_board: OpenBoard, store: MemoryStore, clock: VirtualClock, mode: StopMode
) -> None:
    """Stops are decided before claims: the claim does not get the run."""
    board: Callboard = await open_board(**SHORT, executes=False)
    await board.define(wait_for_ever)
    run_id = (await board.start("wait")).id
    node = await stored_node(store, "other")
    stopped, claimed = await asyncio.gather(
        board._ask(StopRun(run_id=run_id, mode=mode, grace_s=1.0)),
        board._ask(ClaimRuns(epoch=node.epoch, limit=5)),
    )
    if claimed:
        assert stopped.state in (RunState.STOPPING, RunState.STOPPED)
    else:
        assert stopped.state is RunState.STOPPED
    await clock.advance(60)
    assert (await board.get_run(run_id)).state is RunState.STOPPED
    await assert_each_ended_once(store)


# with timeouts and crashes


async def test_the_first_cause_of_an_end_stays_a_timeout(
    board: Callboard, clock: VirtualClock, deaf: Any
) -> None:
    run_id = await begun(board, clock, deaf, timeout_s=5)
    await clock.advance(6)
    assert (await board.stop_run(run_id)).state is RunState.STOPPING
    run = await the_only(board, clock)
    assert run.error is not None
    assert (run.state, run.error.type) == (RunState.TIMED_OUT, "TimedOut")


async def test_the_first_cause_of_an_end_stays_a_stop(
    board: Callboard, clock: VirtualClock, deaf: Any
) -> None:
    run_id = await begun(board, clock, deaf, timeout_s=5)
    await clock.advance(4)
    await board.stop_run(run_id)
    run = await the_only(board, clock)
    assert run.state is RunState.STOPPED


async def test_the_end_of_its_chain_does_not_shorten_a_stop(
    board: Callboard, clock: VirtualClock, deaf: Any
) -> None:
    run_id = await begun(board, clock, deaf, chain_timeout_s=5)
    await clock.advance(4)
    await board.stop_run(run_id, grace_s=20)
    await clock.advance(19)
    assert (await board.get_run(run_id)).state is RunState.STOPPING
    assert (await the_only(board, clock)).state is RunState.STOPPED


async def test_a_stopping_run_whose_node_dies_is_stopped(
    open_board: OpenBoard, store: MemoryStore, clock: VirtualClock, deaf: Any
) -> None:
    one: Callboard = await open_board(**SHORT)
    run_id = await begun(one, clock, deaf)
    two: Callboard = await open_board(**SHORT)
    await two.define(deaf)
    await one.stop_run(run_id, grace_s=1000)
    await die(one, clock)
    await clock.advance(20)
    run = await two.get_run(run_id)
    assert run.error is not None
    assert (run.state, run.error.type, run.crashes) == (RunState.STOPPED, "Stopped", 1)
    assert len(await all_runs(two)) == 1
    await assert_each_ended_once(store)


async def test_r03_a_stopping_run_of_a_node_that_closes_is_stopped(
    open_board: OpenBoard, store: MemoryStore, clock: VirtualClock, deaf: Any
) -> None:
    one: Callboard = await open_board(**SHORT, drain_s=5)
    two: Callboard = await open_board(**SHORT, executes=False)
    run_id = await begun(one, clock, deaf)
    await one.stop_run(run_id, grace_s=1000)
    await clock.advance(1)
    await meanwhile(clock, one.close())
    run = await two.get_run(run_id)
    assert (run.state, run.crashes) == (RunState.STOPPED, 0)
    await assert_each_ended_once(store)


@pytest.mark.parametrize(
    ("policy", "state"), [(OnCrash.FAIL, RunState.FAILED), (OnCrash.RETRY, RunState.RUNNING)]
)
async def test_r07_a_run_with_one_attempt_is_run_again_after_a_crash_where_on_crash_says_so(
    open_board: OpenBoard, clock: VirtualClock, policy: OnCrash, state: RunState
) -> None:
    """`max_attempts` counts failures of the handler, `on_crash` says whether work that may have
    begun may begin again: `retry`, the default, is at least once."""
    one: Callboard = await open_board(**SHORT)
    once = RetryPolicy(max_attempts=1)
    run_id = await begun(one, clock, wait_for_ever, on_crash=policy, retry=once)
    two: Callboard = await open_board(**SHORT)
    await two.define(wait_for_ever, on_crash=policy, retry=once)
    await die(one, clock)
    await clock.advance(20)
    (run,) = await all_runs(two)
    assert (run.id, run.state, run.attempt) == (run_id, state, 1)


async def test_r07_what_fails_by_a_crash_is_not_tried_again(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    """on_crash fail: the work may have begun; the attempts that are left are for its failures."""
    one: Callboard = await open_board(**SHORT)
    await begun(one, clock, wait_for_ever, on_crash=OnCrash.FAIL)
    two: Callboard = await open_board(**SHORT)
    await die(one, clock)
    assert (await the_only(two, clock)).state is RunState.FAILED


# what cannot be stopped


async def test_t08_a_thread_that_does_not_end_keeps_its_place_and_is_told_of(
    open_board: OpenBoard, store: MemoryStore, clock: VirtualClock
) -> None:
    board: Callboard = await open_board(**SHORT, capacity=2)
    over = threading.Event()

    def blocked() -> None:
        over.wait(30)

    await board.define(blocked, name="blocked", timeout_s=1)
    run_id = (await board.start("blocked")).id
    try:
        await until(lambda: len(board._running()) == 1 and board._running()[0].thread_id)
        await board.stop_run(run_id, mode=StopMode.KILL)
        await until(lambda: board.health().stuck == 1)
        assert any("left behind" in warning for warning in board.health().warnings)
        await clock.settle()
        run = await board.get_run(run_id)
        assert run.error is not None
        assert (run.state, run.error.type) == (RunState.STOPPED, "Detached")
        assert board._make_vitals()(clock.monotonic())["stuck"] == 1
    finally:
        over.set()
    await until(lambda: board.health().stuck == 0)


async def until(is_so: Callable[[], object]) -> None:
    """Turns of the loop, while a thread does its part."""
    for _ in range(2000):
        if is_so():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not happen")
