"""Stops, and ends from outside, of batch runs on a board in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callboard import BoardConfig, Callboard, Run, StopMode
from callboard.batch import AGAIN, BatchJob, StepContext
from callboard.clock import SystemClock
from callboard.commands import GetBatchRuns
from callboard.domain.batch_step import StepCounts, StepExecution, StepState
from callboard.domain.states import RunState
from callboard.store.memory import MemoryStore
from support.batch_boards import (
    PATIENCE_S,
    begun,
    exit_code,
    over,
    ran,
    ran_again,
    step_of,
    steps_of,
)


class Gate:
    """A step waits here until the test lets it go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def wait(self) -> None:
        self.reached.set()
        await self.open.wait()


async def nothing_is_stuck(board: Callboard) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while board.health().stuck:  # noqa: ASYNC110 - a thread ends when it ends
            await asyncio.sleep(0)


def reading(job: BatchJob, out: list[int], at: dict[int, Any], *, last: int = 9) -> None:
    """A step that reads 1 to 9 in chunks of three; `at[n]` is called in the chunk of item n."""

    @job.reader
    async def numbers(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[int, int]]:
        for n in range((after or 0) + 1, last + 1):
            yield n, n

    @job.step
    async def load(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(numbers, size=3):
            async with chunk:
                for n in chunk:
                    if n in at:
                        await at.pop(n)(ctx)
                out.extend(chunk)
        ctx.job_state["all"] = True


async def test_b01_b02_a_stop_in_a_chunk_commits_it_and_a_restart_goes_on_behind_it(
    board: Callboard,
) -> None:
    job = BatchJob("one")
    out: list[int] = []
    seen: list[RunState] = []

    async def stop(ctx: StepContext) -> None:
        await board.operator.stop(ctx.run_id)
        seen.append((await board.get_run(ctx.run_id)).state)

    reading(job, out, {2: stop})
    run = await ran(board, job)
    step = await step_of(board, run)
    assert seen == [RunState.STOPPING]
    assert (run.state, exit_code(run), run.error) == (RunState.STOPPED, "STOPPED", None)
    assert (step.state, step.exit_code) == (StepState.STOPPED, "STOPPED")
    assert out == [1, 2, 3]
    assert step.counts == StepCounts(reads=3, writes=3, commits=1)
    assert await board.operator.context(run.id) == {}
    again = await ran_again(board, run)
    assert again.state is RunState.SUCCEEDED
    assert again.id != run.id
    assert out == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (await step_of(board, again)).counts.reads == 6


async def test_b04_a_stop_behind_a_chunk_lets_no_other_one_begin(board: Callboard) -> None:
    job = BatchJob("one")
    out: list[int] = []

    @job.step
    async def load(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(range(9), size=3):
            async with chunk:
                out.extend(chunk)
            await board.operator.stop(ctx.run_id)

    run = await ran(board, job)
    assert (run.state, out) == (RunState.STOPPED, [0, 1, 2])


async def test_a_stop_is_not_swallowed_by_except_exception(board: Callboard) -> None:
    job = BatchJob("one")
    after: list[str] = []

    @job.step
    async def load(ctx: StepContext) -> None:
        try:
            async for chunk in ctx.chunks(range(9), size=3):
                async with chunk:
                    await board.operator.stop(ctx.run_id)
        except Exception:  # noqa: BLE001 - what is tried here
            after.append("swallowed")
        after.append("went on as if all was read")

    run = await ran(board, job)
    assert (run.state, after) == (RunState.STOPPED, [])


async def test_a_step_that_swallows_even_that_is_stopped_all_the_same(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def load(ctx: StepContext) -> None:
        await board.operator.stop(ctx.run_id)
        try:
            ctx.check_stop()
        except BaseException:  # noqa: BLE001 - what is tried here
            return

    run = await ran(board, job)
    assert (await step_of(board, run)).state is StepState.STOPPED
    assert run.state is RunState.STOPPED


async def test_b05_a_tasklet_that_ends_well_completes_and_the_run_is_stopped(
    board: Callboard,
) -> None:
    job = BatchJob("two")
    calls: list[str] = []

    @job.step
    async def first(ctx: StepContext) -> None:
        calls.append("first")
        await board.operator.stop(ctx.run_id)

    @job.step
    async def second(ctx: StepContext) -> None:
        calls.append("second")

    run = await ran(board, job)
    assert (run.state, exit_code(run)) == (RunState.STOPPED, "STOPPED")
    assert (await step_of(board, run)).state is StepState.SUCCEEDED
    assert (await ran_again(board, run)).state is RunState.SUCCEEDED
    assert calls == ["first", "second"]


async def test_35_a_tasklet_that_asks_is_stopped_early(board: Callboard) -> None:
    job = BatchJob("one")
    rounds: list[int] = []

    @job.step
    async def only(ctx: StepContext) -> None:
        for n in range(100):
            rounds.append(n)
            ctx.state["rounds"] = n + 1
            if n == 3:
                await board.operator.stop(ctx.run_id)
            ctx.check_stop()

    run = await ran(board, job)
    step = await step_of(board, run)
    assert (run.state, step.state) == (RunState.STOPPED, StepState.STOPPED)
    assert rounds == [0, 1, 2, 3]
    assert step.checkpoint.context == {"rounds": 4}


async def test_a_tasklet_that_says_again_is_stopped_between_its_calls(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> object:
        ctx.state["calls"] = ctx.state.get("calls", 0) + 1
        if ctx.state["calls"] == 2:
            await board.operator.stop(ctx.run_id)
        return AGAIN

    run = await ran(board, job)
    assert run.state is RunState.STOPPED
    assert (await step_of(board, run)).checkpoint.context == {"calls": 2}


async def test_a_thread_sees_the_stop(board: Callboard) -> None:
    job = BatchJob("one")
    gate = Gate()

    @job.step
    def only(ctx: StepContext) -> None:
        loop.call_soon_threadsafe(gate.reached.set)
        while True:
            ctx.check_stop()

    loop = asyncio.get_running_loop()
    run = await begun(board, job)
    await gate.reached.wait()
    await board.operator.stop(run.id)
    run = await over(board, run)
    assert (run.state, (await step_of(board, run)).state) == (RunState.STOPPED, StepState.STOPPED)


async def test_b03_37_a_stop_behind_the_last_chunk_is_never_stuck(board: Callboard) -> None:
    job = BatchJob("one")
    out: list[int] = []

    async def stop(ctx: StepContext) -> None:
        await board.operator.stop(ctx.run_id)

    reading(job, out, {9: stop})
    run = await ran(board, job)
    assert run.state in (RunState.STOPPED, RunState.SUCCEEDED)
    again = await ran_again(board, run)
    assert again.state is RunState.SUCCEEDED
    assert (await step_of(board, again)).counts.reads == 0
    assert out == [1, 2, 3, 4, 5, 6, 7, 8, 9]


async def test_32_a_stop_between_two_steps(board: Callboard) -> None:
    job = BatchJob("two")
    calls: list[str] = []

    @job.step
    async def first(ctx: StepContext) -> None:
        calls.append("first")

    @first.after
    async def stop(step: StepExecution) -> None:
        await board.operator.stop(step.run_id)

    @job.step
    async def second(ctx: StepContext) -> None:
        calls.append("second")

    run = await ran(board, job)
    assert run.state is RunState.STOPPED
    assert [(step.name, step.state) for step in await steps_of(board, run)] == [
        ("first", StepState.SUCCEEDED)
    ]
    again = await ran_again(board, run)
    assert [step.name for step in await steps_of(board, again)] == ["second"]
    assert calls == ["first", "second"]


async def test_31_a_queued_run_is_stopped_without_a_step() -> None:
    config = BoardConfig(node_name="node-1", capacity=1)
    async with Callboard("memory:", config=config) as board:
        job = BatchJob("one")
        gate = Gate()

        @job.step
        async def only(ctx: StepContext) -> None:
            await gate.wait()

        running = await begun(board, job, {"n": 1})
        await gate.reached.wait()
        waiting = await begun(board, job, {"n": 2})
        stopped = await board.operator.stop(waiting.id)
        assert (await over(board, stopped)).state is RunState.STOPPED
        assert await steps_of(board, waiting) == []
        gate.open.set()
        assert (await over(board, running)).state is RunState.SUCCEEDED


async def test_a_kill_cancels_the_step_and_its_chunk_is_not_committed(board: Callboard) -> None:
    job = BatchJob("one")
    gate = Gate()

    async def wait(ctx: StepContext) -> None:
        await gate.wait()

    reading(job, out := [], {5: wait})
    run = await begun(board, job)
    await gate.reached.wait()
    await board.operator.stop(run.id, mode=StopMode.KILL)
    run = await over(board, run)
    step = await step_of(board, run)
    assert (run.state, step.state) == (RunState.STOPPED, StepState.STOPPED)
    assert step.checkpoint.cursor == {"numbers": 3}
    gate.open.set()
    assert (await ran_again(board, run)).state is RunState.SUCCEEDED
    assert out == [1, 2, 3, 4, 5, 6, 7, 8, 9]


async def test_a_killed_run_whose_step_swallows_that_has_the_exit_code_of_a_stopped_one(
    board: Callboard,
) -> None:
    """The step has left its chunk as it was, and so has failed; the run was asked to stop."""
    job = BatchJob("one")
    gate = Gate()

    @job.step
    async def load(ctx: StepContext) -> None:
        try:
            async for _ in ctx.chunks(range(9), size=3):
                await gate.wait()
        except BaseException:  # noqa: BLE001 - what is tried here
            return

    run = await begun(board, job)
    await gate.reached.wait()
    await board.operator.stop(run.id, mode=StopMode.KILL)
    run = await over(board, run)
    assert (await step_of(board, run)).state is StepState.FAILED
    assert (run.state, exit_code(run)) == (RunState.STOPPED, "STOPPED")
    assert await stored_code(board, run) == "STOPPED"
    gate.open.set()


@pytest.mark.parametrize(("given", "told"), [("FAILED", "STOPPED"), ("MINE", "MINE")])
async def test_a_step_that_fails_while_its_run_stops_has_the_last_word_only_by_a_code_of_its_own(
    board: Callboard, given: str, told: str
) -> None:
    job = BatchJob("one")

    @job.step
    async def load(ctx: StepContext) -> None:
        await board.operator.stop(ctx.run_id)
        raise ValueError("it fails besides")

    @load.after
    async def says(step: StepExecution) -> str:
        return given

    run = await ran(board, job)
    assert run.error is not None
    assert (run.state, run.error.message) == (RunState.STOPPED, "it fails besides")
    assert (exit_code(run), await stored_code(board, run)) == (told, told)


async def stored_code(board: Callboard, run: Run) -> str:
    """The exit code that the batch run has."""
    found = await board._ask(GetBatchRuns(run_ids=(run.id,)))
    return found[run.id].exit_code


async def test_a_thread_that_does_not_end_is_left_behind_and_keeps_a_place(
    board: Callboard,
) -> None:
    job = BatchJob("one")
    loop, reached, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    @job.step
    def only(ctx: StepContext) -> None:
        loop.call_soon_threadsafe(reached.set)
        go_on.wait()

    run = await begun(board, job)
    await reached.wait()
    await board.operator.stop(run.id, mode=StopMode.KILL)
    assert (await over(board, run)).state is RunState.STOPPED
    assert board.health().stuck == 1
    go_on.set()
    await nothing_is_stuck(board)


async def test_a_coroutine_that_swallows_its_cancellation_is_left_behind(
    board: Callboard,
) -> None:
    job = BatchJob("one")
    gate, cancelled = Gate(), asyncio.Event()

    @job.step
    async def only(ctx: StepContext) -> None:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            cancelled.set()
        await gate.open.wait()

    run = await begun(board, job)
    await gate.reached.wait()
    await board.operator.stop(run.id, mode=StopMode.KILL)
    run = await over(board, run)
    assert cancelled.is_set()
    assert run.state is RunState.STOPPED
    assert run.error is not None
    assert run.error.type == "Detached"
    assert board.health().stuck == 1
    gate.open.set()
    await nothing_is_stuck(board)
    (step,) = await steps_of(board, run)
    assert step.state in (StepState.FAILED, StepState.STOPPED)


async def test_a_stop_with_a_grace_kills_when_that_is_over(board: Callboard) -> None:
    job = BatchJob("one")
    gate = Gate()

    @job.step
    async def only(ctx: StepContext) -> None:
        await gate.wait()

    run = await begun(board, job)
    await gate.reached.wait()
    await board.operator.stop(run.id, grace_s=0.05)
    assert (await over(board, run)).state is RunState.STOPPED


async def test_a_timeout_ends_the_run_at_its_boundary_and_it_goes_on_from_there(
    board: Callboard,
) -> None:
    job = BatchJob("one", timeout_s=0.1)
    out: list[int] = []

    async def linger(ctx: StepContext) -> None:
        asked = asyncio.Event()
        ctx.when_stopping(asked.set)
        await asked.wait()

    reading(job, out, {4: linger})
    run = await ran(board, job)
    assert run.state is RunState.TIMED_OUT
    assert (await step_of(board, run)).state is StepState.STOPPED
    assert (await ran_again(board, run)).state is RunState.SUCCEEDED
    assert out == [1, 2, 3, 4, 5, 6, 7, 8, 9]


async def test_a_board_that_closes_hands_the_run_to_another_which_goes_on() -> None:
    """The step of the first is lost, and the second one goes on behind its last chunk."""
    store = MemoryStore(SystemClock())
    job = BatchJob("one")
    gate = Gate()

    async def wait(ctx: StepContext) -> None:
        await gate.wait()

    reading(job, out := [], {5: wait})
    first = Callboard(store=store, config=BoardConfig(node_name="node-1", drain_s=0.05))
    async with first:
        run = await begun(first, job)
        await gate.reached.wait()
    assert out == [1, 2, 3]
    config = BoardConfig(node_name="node-2")
    async with Callboard(store=store, config=config, handlers=first.handlers) as second:
        run = await over(second, run)
        lost, done = await steps_of(second, run)
    assert (run.state, run.node) == (RunState.SUCCEEDED, "node-2")
    assert out == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert lost.state in (StepState.FAILED, StepState.STOPPED)
    assert (lost.checkpoint.cursor, done.counts.reads) == ({"numbers": 3}, 6)
    assert isinstance(run.result, dict)
    assert (run.result["steps"], run.result["counts"]["writes"]) == (2, 9)


async def test_a_board_that_closes_puts_runs_back_at_their_next_boundary() -> None:
    """Nothing is rolled back, nobody waits for the whole run, no hook is told of an end."""
    store = MemoryStore(SystemClock())
    job = BatchJob("one")
    ends: list[str | None] = []
    job.after(lambda ctx: ends.append(ctx.exit_code))
    gate = Gate()

    async def wait(ctx: StepContext) -> None:
        ctx.session.leaving.call_when_set(gate.open.set)
        await gate.wait()

    reading(job, out := [], {5: wait})
    first = Callboard(store=store, config=BoardConfig(node_name="node-1", drain_s=PATIENCE_S))
    async with first:
        run = await begun(first, job)
        await gate.reached.wait()
    assert out == [1, 2, 3, 4, 5, 6]
    config = BoardConfig(node_name="node-2")
    async with Callboard(store=store, config=config, handlers=first.handlers) as second:
        run = await over(second, run)
        stopped, done = await steps_of(second, run)
    assert (run.state, run.node, run.crashes) == (RunState.SUCCEEDED, "node-2", 0)
    assert (stopped.state, stopped.counts.rollbacks) == (StepState.STOPPED, 0)
    assert done.counts.reads == 3
    assert out == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert ends == ["COMPLETED"]


async def test_a_run_that_is_recovered_by_force_writes_nothing_more(board: Callboard) -> None:
    """What the old holder commits is refused, and leaves no trace."""
    job = BatchJob("one")
    gate = Gate()
    caught: list[BaseException] = []

    @job.step
    async def only(ctx: StepContext) -> None:
        try:
            async for chunk in ctx.chunks(range(9), size=3):
                async with chunk:
                    if 3 in chunk:
                        await gate.wait()
        except Exception as error:  # noqa: BLE001 - what user code may do
            caught.append(error)

    run = await begun(board, job)
    await gate.reached.wait()
    recovered = await board.operator.recover(run.id, reason="tried", force=True)
    assert recovered.state is RunState.FAILED
    gate.open.set()
    await board.operator.instance(1)
    again = await board.operator.restart(run.id)
    assert (await over(board, again)).state is RunState.SUCCEEDED
    step = (await steps_of(board, run))[0]
    assert (step.checkpoint.cursor, step.counts.commits) == ({"items": 3}, 1)
    assert (await board.get_run(run.id)).state is RunState.FAILED
    assert [type(error).__name__ for error in caught] == ["StepNotHeld"]


@pytest.mark.parametrize("mode", [StopMode.COOPERATIVE, StopMode.KILL])
async def test_a_run_that_is_asked_to_stop_before_it_began_does_nothing(
    board: Callboard, mode: StopMode
) -> None:
    job = BatchJob("one")
    reading(job, out := [], {})
    run = await begun(board, job)
    await board.operator.stop(run.id, mode=mode)
    run = await over(board, run)
    assert run.state in (RunState.STOPPED, RunState.SUCCEEDED)
    assert len(out) % 3 == 0
