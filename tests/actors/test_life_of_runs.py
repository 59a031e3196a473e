"""What becomes of runs when nodes die, lose their lease, or close."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from callboard import BoardConfig, Callboard, OnCrash, RunState, StopMode, job
from callboard.commands import EndedRun, EndRuns
from callboard.errors import Conflict
from callboard.store.contract import RunEnd
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.boards import all_runs, die, meanwhile

SHORT = {"lease_s": 10.0, "rescue_every_s": 2.0, "poll_s": 5.0}


@job(name="wait")
async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@job(name="nap")
async def nap() -> str:
    return "rested"


async def running(board: Callboard, clock: VirtualClock, **definition: object):
    await board.define(wait_for_ever, **definition)
    run = await board.start("wait")
    await clock.settle()
    assert (await board.get_run(run.id)).state is RunState.RUNNING
    return run


async def test_a_dead_nodes_run_is_run_again_by_another_within_lease_and_beat(
    open_board, clock: VirtualClock, store: MemoryStore
):
    one = await open_board(**SHORT)
    run = await running(one, clock)
    two = await open_board(**SHORT)
    await die(one, clock)
    await clock.advance(15)
    seen = await two.get_run(run.id)
    assert (seen.state, seen.node, seen.crashes) == (RunState.RUNNING, "node-2", 1)


@pytest.mark.parametrize(
    ("policy", "state"), [(OnCrash.FAIL, RunState.FAILED), (OnCrash.PARK, RunState.PARKED)]
)
async def test_the_crash_policy_decides(
    open_board, clock: VirtualClock, store: MemoryStore, policy: OnCrash, state: RunState
):
    one = await open_board(**SHORT)
    run = await running(one, clock, on_crash=policy)
    two = await open_board(**SHORT)
    await die(one, clock)
    await clock.advance(15)
    seen = await two.get_run(run.id)
    assert seen.state is state
    assert seen.error is not None
    assert "node-1" in seen.error.message


async def test_a_run_that_kills_more_nodes_than_the_budget_is_parked(
    open_board, clock: VirtualClock, store: MemoryStore
):
    run = None
    for _ in range(3):
        board = await open_board(**SHORT, crash_budget=2)
        run = run or await running(board, clock)
        await clock.advance(15)
        assert (await board.get_run(run.id)).state is RunState.RUNNING
        await die(board, clock)
    last = await open_board(**SHORT, crash_budget=2)
    await clock.advance(15)
    assert run is not None
    assert (await last.get_run(run.id)).state is RunState.PARKED


async def test_a_stopping_run_of_a_dead_node_is_stopped(
    open_board, clock: VirtualClock, store: MemoryStore
):
    one, two = await open_board(**SHORT), await open_board(**SHORT, executes=False)
    run = await running(one, clock)
    await die(one, clock)
    await two.stop_run(run.id)
    await clock.advance(15)
    assert (await two.get_run(run.id)).state is RunState.STOPPED


async def test_h05_an_end_from_a_fenced_node_changes_nothing(
    open_board, clock: VirtualClock, store: MemoryStore
):
    one, two = await open_board(**SHORT), await open_board(**SHORT)
    run = await running(one, clock)
    held = await one.get_run(run.id)
    await die(one, clock)
    await clock.advance(15)
    end = RunEnd(run_id=run.id, epoch=held.epoch, state=RunState.SUCCEEDED, ended_at=clock.now())
    assert await two._ask(EndRuns(ended=(EndedRun(run=held, end=end),))) == frozenset()
    assert (await two.get_run(run.id)).state is RunState.RUNNING


async def test_r06_a_run_that_fails_while_a_stop_is_on_its_way_is_not_tried_again(
    open_board, clock: VirtualClock
):
    """Its node does not know of the stop when it says that there is to be another attempt."""
    may_end = asyncio.Event()

    async def reluctant() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await may_end.wait()

    board = await open_board(**SHORT)
    await board.define(reluctant, name="reluctant")
    run = await board.start("reluctant")
    await clock.settle()
    held = await board.get_run(run.id)
    await board.stop_run(run.id)
    end = RunEnd(run_id=run.id, epoch=held.epoch, state=RunState.FAILED, ended_at=clock.now())
    ended = EndedRun(run=held, end=end, retry_after_s=1.0)
    assert await board._ask(EndRuns(ended=(ended,))) == {run.id}
    may_end.set()
    await clock.advance(10)
    assert [each.state for each in await all_runs(board)] == [RunState.FAILED]


async def test_h07_a_node_cut_off_from_its_store_stops_its_handlers_before_the_lease_ends(
    open_board, clock: VirtualClock
):
    cancelled = asyncio.Event()

    async def guard() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    board = await open_board(**SHORT)
    await board.define(guard)
    await board.start(guard)
    await clock.settle()
    board._actors["job_store"]._actor_weakref()._is_open = False
    await clock.advance(9.9)
    assert cancelled.is_set()
    assert not board.health().is_ready


async def test_a_node_that_lost_its_lease_comes_back_under_a_new_epoch(
    open_board, clock: VirtualClock
):
    board = await open_board(**SHORT)
    epoch = board.health().epoch
    job_store = board._actors["job_store"]._actor_weakref()
    job_store._is_open = False
    await clock.advance(30)
    job_store._is_open = True
    await clock.advance(15)
    assert board.health().is_ready
    assert board.health().epoch != epoch


async def test_h09_closing_hands_back_what_does_not_end_and_burns_no_attempt(
    open_board, clock: VirtualClock
):
    one = await open_board(**SHORT)
    run = await running(one, clock)
    two = await open_board(**SHORT, executes=False)
    await meanwhile(clock, one.close())
    seen = await two.get_run(run.id)
    assert (seen.state, seen.attempt, seen.crashes) == (RunState.QUEUED, 1, 0)


async def test_closing_waits_for_handlers_to_end(open_board, clock: VirtualClock):
    async def linger() -> None:
        await clock.sleep_until(clock.monotonic() + 5)

    one, two = await open_board(drain_s=30.0), await open_board(executes=False)
    await one.define(linger)
    run = await one.start(linger)
    await clock.settle()
    await meanwhile(clock, one.close())
    assert (await two.get_run(run.id)).state is RunState.SUCCEEDED


async def test_h15_the_name_of_a_living_node_is_refused(
    open_board, clock: VirtualClock, store: MemoryStore, caplog: pytest.LogCaptureFixture
):
    await open_board(**SHORT, node_name="same")
    twin = Callboard(
        store=store, clock=clock, config=BoardConfig(**SHORT, drain_s=0.0, node_name="same")
    )
    await twin.open()
    failure = await meanwhile(clock, twin.failure())
    assert "same" in str(failure)
    await twin.close()
    assert "did not drain" not in caplog.text


async def test_max_concurrent_runs_holds_over_two_nodes(open_board, clock: VirtualClock):
    one, _ = await open_board(**SHORT), await open_board(**SHORT)
    await one.define(wait_for_ever, max_concurrent_runs=2)
    for _ in range(6):
        await one.start("wait")
    await clock.advance(20)
    states = [run.state for run in await all_runs(one)]
    assert states.count(RunState.RUNNING) == 2
    assert states.count(RunState.QUEUED) == 4


async def test_no_more_runs_than_the_capacity_at_once(open_board, clock: VirtualClock):
    board = await open_board(capacity=3)
    await board.define(wait_for_ever)
    runs = [await board.start("wait") for _ in range(5)]
    await clock.settle()
    assert [run.state for run in await all_runs(board)].count(RunState.RUNNING) == 3
    await board.stop_run(runs[0].id, mode=StopMode.KILL)
    await clock.settle()
    assert [run.state for run in await all_runs(board)].count(RunState.RUNNING) == 3


async def test_a_stop_on_another_node_reaches_the_handler(open_board, clock: VirtualClock):
    one, two = await open_board(**SHORT), await open_board(**SHORT, executes=False)
    run = await running(one, clock)
    await two.stop_run(run.id)
    await clock.advance(5)
    assert (await two.get_run(run.id)).state is RunState.STOPPED


async def test_an_executor_that_crashed_gives_its_runs_back(open_board, clock: VirtualClock):
    board = await open_board(**SHORT)
    run = await running(board, clock)
    executor = board._actors["executor"]._actor_weakref()
    executor.spawn(broken(), name="broken")
    await clock.advance(5)
    seen = await board.get_run(run.id)
    assert seen.state is RunState.RUNNING
    assert board._actors["executor"]._actor_weakref() is not executor
    assert run.id in board._actors["executor"]._actor_weakref()._places.held


async def broken() -> None:
    raise RuntimeError("an invariant broke")


async def test_history_goes_when_it_is_old_enough(open_board, clock: VirtualClock):
    board = await open_board(keep_runs_s=3600.0, prune_every_s=600.0)
    await board.define(nap)
    run = await board.start(nap)
    await run.wait()
    await clock.advance(3000)
    assert (await board.get_run(run.id)).state is RunState.SUCCEEDED
    await clock.advance(timedelta(hours=1).total_seconds())
    assert await all_runs(board) == []


async def test_a_conflict_is_no_crash_of_the_job_store(board: Callboard, clock: VirtualClock):
    await board.define(nap)
    run = await board.start(nap)
    await run.wait()
    answers = await asyncio.gather(
        board.stop_run(run.id), (await board.start(nap)).wait(), return_exceptions=True
    )
    assert isinstance(answers[0], Conflict)
    assert not isinstance(answers[1], BaseException)


async def test_the_log_of_a_rescued_run_goes_on_where_it_was(
    open_board, clock: VirtualClock, store: MemoryStore
):
    async def say() -> None:
        print("here I am")
        await asyncio.Event().wait()

    one = await open_board(**SHORT)
    await one.define(say)
    run = await one.start(say)
    await clock.advance(1)
    two = await open_board(**SHORT)
    two.handlers.register((await two.get_job("default", "say")).spec["handler"], say)
    await die(one, clock)
    await clock.advance(20)
    lines = await two.read_log(run.id)
    assert [(line.seq, line.text) for line in lines] == [(1, "here I am"), (2, "here I am")]


@pytest.mark.parametrize(
    "name", ["job_store", "stream", "registrar", "rescuer", "pruner", "executor", "scheduler"]
)
async def test_a12_a_board_goes_on_after_any_of_its_actors_crashed(
    open_board, clock: VirtualClock, name: str
):
    board = await open_board(**SHORT)
    await board.define(nap)
    epoch = board.health().epoch
    board._actors[name]._actor_weakref().spawn(broken(), name="broken")
    await clock.advance(30)
    assert board.health().is_ready
    assert board.health().epoch == epoch
    run = await board.start(nap)
    assert (await meanwhile(clock, run.wait())).state is RunState.SUCCEEDED


async def test_an_actor_that_keeps_crashing_closes_the_board_with_the_reason(
    open_board, clock: VirtualClock
):
    board = await open_board(**SHORT)
    for _ in range(8):
        actor = board._actors["scheduler"]._actor_weakref()
        if board.health().reasons:
            break
        actor.spawn(broken(), name="broken")
        await clock.advance(2.5)
    failure = await meanwhile(clock, board.failure())
    assert "Scheduler" in str(failure)
    assert not board.health().is_ready
