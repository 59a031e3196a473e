"""A board from start to end, as those see it who embed it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from callboard import (
    Callboard,
    NewRun,
    RetryPolicy,
    RunFailed,
    RunState,
    current_run,
    every,
    job,
)
from callboard.errors import Conflict, InvalidInput, NotFound, StoreUnavailable, UsageError
from callboard.testing import VirtualClock
from support.boards import all_runs, meanwhile


@job(name="greet")
async def greet(name: str = "world") -> dict[str, str]:
    """Say hello."""
    print("hello", name)
    return {"greeting": f"hello {name}"}


@job()
async def fail() -> None:
    raise LookupError("nothing there")


@job()
async def wait_for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_started_run_gives_its_result(board: Callboard):
    await board.define(greet)
    run = await board.start(greet, {"name": "Ada"})
    assert await run.result() == {"greeting": "hello Ada"}


async def test_what_a_handler_prints_is_its_log(board: Callboard, clock: VirtualClock):
    await board.define(greet)
    run = await board.start("greet")
    await run.wait()
    assert [(line.seq, line.stream, line.text) for line in await board.read_log(run.id)] == [
        (1, "stdout", "hello world")
    ]


async def test_a_failed_run_raises_what_failed_it(board: Callboard):
    await board.define(fail)
    run = await board.start(fail)
    with pytest.raises(RunFailed, match="LookupError: nothing there"):
        await run.result()
    ended = await board.get_run(run.id)
    assert ended.error is not None
    assert "nothing there" in (ended.error.traceback or "")


async def test_a_failed_run_is_tried_again_with_the_same_chain(
    board: Callboard, clock: VirtualClock
):
    await board.define(fail, retry=RetryPolicy(max_attempts=3, initial_s=10))
    first = await board.start(fail)
    await clock.advance(60)
    runs = await all_runs(board)
    assert [run.attempt for run in runs] == [1, 2, 3]
    assert [run.previous_run_id for run in runs] == [None, runs[0].id, runs[1].id]
    assert {run.chain_id for run in runs} == {first.id}
    assert {run.trace_id for run in runs} == {first.started.trace_id}
    assert {run.state for run in runs} == {RunState.FAILED}


async def test_wait_gives_the_run_as_it_is_when_the_time_is_over(
    board: Callboard, clock: VirtualClock
):
    await board.define(wait_for_ever)
    run = await board.start(wait_for_ever)
    seen = await meanwhile(clock, run.wait(timeout_s=5))
    assert seen.state is RunState.RUNNING
    with pytest.raises(TimeoutError):
        await meanwhile(clock, run.result(timeout_s=1))


async def test_a_run_that_is_due_later_waits_for_its_time(board: Callboard, clock: VirtualClock):
    await board.define(greet)
    due_at = clock.now().replace(hour=5)
    run = await board.start(greet, due_at=due_at)
    await clock.advance(3600)
    assert (await board.get_run(run.id)).state is RunState.QUEUED
    await clock.advance_to(due_at.replace(second=1))
    ended = await board.get_run(run.id)
    assert ended.state is RunState.SUCCEEDED
    assert ended.started_at == due_at


async def test_a_unique_key_gives_the_live_run_that_has_it(board: Callboard):
    await board.define(wait_for_ever)
    first = await board.start(wait_for_ever, unique_key="one")
    again = await board.start(wait_for_ever, unique_key="one")
    assert again.id == first.id


async def test_an_unknown_job_starts_nothing(board: Callboard):
    await board.define(greet)
    with pytest.raises(InvalidInput) as caught:
        await board.start_runs([NewRun(job="greet"), NewRun(job="gret")])
    assert caught.value.problems[0].field == "runs[1].job"
    assert await all_runs(board) == []


async def test_a_disabled_job_is_not_started(board: Callboard):
    await board.define(greet, disabled=True)
    with pytest.raises(Conflict, match="disabled"):
        await board.start(greet)


async def test_an_unknown_handler_parks_the_run_and_a_later_one_runs_it(
    board: Callboard, clock: VirtualClock
):
    await board.define("no_such_module:load", name="load")
    run = await board.start("load")
    await clock.settle()
    parked = await board.get_run(run.id)
    assert parked.error is not None
    assert "no_such_module" in parked.error.message
    board.handlers.register("no_such_module:load", greet)
    await board.retry_run(run.id)
    assert await (await board.start("load")).result() is not None
    assert (await board.wait_run(run.id)).state is RunState.SUCCEEDED


async def test_a_running_handler_is_stopped(board: Callboard, clock: VirtualClock):
    await board.define(wait_for_ever)
    run = await board.start(wait_for_ever)
    await clock.settle()
    assert (await run.stop()).state is RunState.STOPPING
    assert (await run.wait()).state is RunState.STOPPED


async def test_r06_a_queued_run_is_stopped_at_once_and_once(board: Callboard, clock: VirtualClock):
    await board.define(greet)
    run = await board.start(greet, due_at=clock.now().replace(hour=5))
    assert (await run.stop()).state is RunState.STOPPED
    with pytest.raises(Conflict, match="cannot stop a run that is stopped"):
        await run.stop()


async def test_a_run_past_its_timeout_is_timed_out(board: Callboard, clock: VirtualClock):
    await board.define(wait_for_ever, timeout_s=5)
    run = await board.start(wait_for_ever)
    assert (await meanwhile(clock, run.wait())).state is RunState.TIMED_OUT


async def test_a_failed_run_can_be_abandoned_and_then_not_retried_by_mistake(board: Callboard):
    await board.define(fail)
    run = await board.start(fail)
    await run.wait()
    assert (await board.abandon_run(run.id)).state is RunState.ABANDONED
    with pytest.raises(Conflict):
        await board.abandon_run(run.id)


async def test_deleting_a_job_stops_its_queued_runs_and_keeps_history(
    board: Callboard, clock: VirtualClock
):
    await board.define(greet)
    ended = await board.start(greet)
    await ended.wait()
    queued = await board.start(greet, due_at=clock.now().replace(hour=5))
    await board.delete_job("default", "greet")
    assert (await board.get_run(queued.id)).state is RunState.STOPPED
    assert (await board.get_run(ended.id)).state is RunState.SUCCEEDED
    with pytest.raises(NotFound):
        await board.get_job("default", "greet")


async def test_a_job_that_a_trigger_names_is_not_deleted(board: Callboard):
    await board.define(greet)
    await board.schedule("hello", every(minutes=1), greet)
    with pytest.raises(Conflict, match="hello"):
        await board.delete_job("default", "greet")


async def test_m15_defining_and_scheduling_again_changes_nothing(board: Callboard):
    first = await board.define(greet)
    trigger = await board.schedule("hello", every(minutes=1), greet)
    assert await board.define(greet) == first
    assert await board.schedule("hello", every(minutes=1), greet) == trigger


async def test_a_handler_knows_its_run(board: Callboard):
    async def who() -> Any:
        run = current_run()
        return [run.job, run.attempt, run.trace_id]

    await board.define(who)
    run = await board.start(who)
    assert await run.result() == ["who", 1, run.started.trace_id]


async def test_plain_functions_run_in_threads(board: Callboard):
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    await board.define(where)
    assert await (await board.start(where)).result() is False


async def test_two_boards_in_one_process_do_not_touch_each_other(clock: VirtualClock):
    one, two = Callboard("memory:", clock=clock), Callboard("memory:", clock=clock)
    for board in (one, two):
        await meanwhile(clock, board.__aenter__())
    await one.define(greet)
    with pytest.raises(NotFound):
        await two.get_job("default", "greet")
    await one.close()
    await two.define(greet)
    assert await (await two.start(greet)).result() == {"greeting": "hello world"}
    await two.close()


async def test_a16_a_closed_board_leaves_no_task_and_no_thread(clock: VirtualClock):
    threads = threading.active_count()
    board = Callboard("memory:", clock=clock)
    await meanwhile(clock, board.__aenter__())
    await board.define(greet)
    await (await board.start(greet)).wait()
    await board.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert threading.active_count() == threads


async def test_a_board_that_is_not_open_says_so():
    board = Callboard("memory:")
    assert not board.health().is_ready
    with pytest.raises(StoreUnavailable, match="not open"):
        await board.get_run(1)


async def test_an_open_board_cannot_be_opened_again(board: Callboard):
    with pytest.raises(UsageError, match="open already"):
        await board.open()
