"""Coroutine handlers on the loop."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Never

import pytest

from callboard.domain.run import StopMode
from callboard.domain.states import RunState
from callboard.runners.context import RunContext, current_run
from callboard.testing import VirtualClock
from runners.rig import TRACE_ID, BareAttempt, Rig, make_run, open_rig, python_job


async def forever() -> Never:
    await asyncio.Event().wait()
    raise AssertionError


class Stubborn:
    """A handler that ignores every cancellation until it is let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.cancellations = 0

    async def __call__(self) -> str:
        while not self.let_go.is_set():
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                self.cancellations += 1
        return "done at last"


async def test_its_return_value_is_the_result(rig: Rig) -> None:
    async def add(a: int, b: int) -> dict[str, int]:
        return {"sum": a + b}

    outcome, _ = await rig.call(add, a=2, b=3)
    assert (outcome.state, outcome.result, outcome.error) == (
        RunState.SUCCEEDED,
        {"sum": 5},
        None,
    )


async def test_it_runs_on_the_loop_of_the_caller(rig: Rig) -> None:
    here = asyncio.get_running_loop()

    async def is_here() -> bool:
        return asyncio.get_running_loop() is here

    outcome, _ = await rig.call(is_here)
    assert outcome.result is True


async def test_an_exception_fails_the_run_with_its_traceback(rig: Rig) -> None:
    async def load() -> None:
        raise LookupError("no such shop")

    outcome, _ = await rig.call(load)
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == ("LookupError", "no such shop")
    assert 'raise LookupError("no such shop")' in (outcome.error.traceback or "")


async def test_the_traceback_begins_in_the_handler(rig: Rig) -> None:
    async def load() -> None:
        raise LookupError

    outcome, _ = await rig.call(load)
    assert outcome.error is not None
    assert "callboard/runners" not in (outcome.error.traceback or "")
    assert "asyncio/" not in (outcome.error.traceback or "")


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
async def test_no_exception_of_a_handler_leaves_the_runner(
    rig: Rig, error: type[BaseException]
) -> None:
    async def load() -> None:
        raise error

    outcome, _ = await rig.call(load)
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    assert outcome.error.type.endswith(error.__name__)


@pytest.mark.parametrize(("code", "exit_code"), [(3, 3), ("no disk", 1), (True, 1)])
async def test_sys_exit_with_a_code_fails_the_run(rig: Rig, code: object, exit_code: int) -> None:
    async def load() -> None:
        sys.exit(code)  # type: ignore[arg-type]

    outcome, _ = await rig.call(load)
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    assert outcome.error.exit_code == exit_code


@pytest.mark.parametrize("code", [None, 0])
async def test_sys_exit_without_a_code_is_success(rig: Rig, code: int | None) -> None:
    async def load() -> None:
        sys.exit(code)

    outcome, _ = await rig.call(load)
    assert outcome.state is RunState.SUCCEEDED


async def test_a_stop_cancels_it(timeless: Rig) -> None:
    attempt = timeless.begin_call(forever)
    await asyncio.sleep(0)
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    outcome = await attempt.outcome()
    assert (outcome.state, outcome.error) == (RunState.STOPPED, None)


async def test_a_stop_before_the_first_step_calls_no_handler(virtual: VirtualClock) -> None:
    calls: list[str] = []

    async def load() -> None:
        calls.append("called")

    async with open_rig(virtual, eager=False) as timeless:
        attempt = timeless.begin_call(load)
        attempt.control.request_stop(StopMode.COOPERATIVE, 30)
        assert (await attempt.outcome()).state is RunState.STOPPED
    assert calls == []


async def test_nothing_is_left_of_an_ended_run_for_the_collector(rig: Rig) -> None:
    async def load() -> None: ...

    await rig.call(load)  # what is kept of the first one: the handler, its job
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            rig.begin_call(load)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        left = [one for one in gc.get_objects() if isinstance(one, RunContext | BareAttempt)]
        assert left == []
    finally:
        gc.enable()


async def test_stopping_is_set_when_the_cancellation_comes(rig: Rig) -> None:
    seen: list[bool] = []
    begun = asyncio.Event()

    async def load(ctx: RunContext) -> None:
        seen.append(ctx.stopping)
        begun.set()
        try:
            await forever()
        finally:
            seen.append(ctx.stopping)

    attempt = rig.begin_call(load)
    await begun.wait()
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    await attempt.outcome()
    assert seen == [False, True]


async def test_success_within_the_grace_is_success(rig: Rig) -> None:
    begun = asyncio.Event()

    async def load() -> str:
        begun.set()
        try:
            await forever()
        except asyncio.CancelledError:
            return "saved what there was"

    attempt = rig.begin_call(load)
    await begun.wait()
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    outcome = await attempt.outcome()
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, "saved what there was")


async def test_an_error_after_a_stop_is_a_stop_with_that_error(rig: Rig) -> None:
    begun = asyncio.Event()

    async def load() -> None:
        begun.set()
        try:
            await forever()
        finally:
            raise OSError("connection is closed")

    attempt = rig.begin_call(load)
    await begun.wait()
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    outcome = await attempt.outcome()
    assert outcome.state is RunState.STOPPED
    assert outcome.error is not None
    assert outcome.error.message == "connection is closed"


async def test_it_is_cancelled_again_when_the_grace_is_over(
    timeless: Rig, virtual: VirtualClock
) -> None:
    handler = Stubborn()
    attempt = timeless.begin_call(handler)
    await virtual.settle()
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    await virtual.advance(29.9)
    assert handler.cancellations == 1
    await virtual.advance(0.2)
    assert handler.cancellations == 2
    handler.let_go.set()
    assert (await attempt.outcome()).result == "done at last"


async def test_one_that_swallows_every_cancellation_is_detached(
    timeless: Rig, virtual: VirtualClock
) -> None:
    handler = Stubborn()
    attempt = timeless.begin_call(handler)
    await virtual.settle()
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    await virtual.advance(32)
    outcome = await attempt.outcome()
    assert outcome.state is RunState.STOPPED
    assert outcome.error is not None
    assert outcome.error.type == "Detached"
    assert timeless.runners.stuck == 1
    handler.let_go.set()
    await virtual.settle()
    assert timeless.runners.stuck == 0


async def test_kill_needs_no_grace(timeless: Rig, virtual: VirtualClock) -> None:
    handler = Stubborn()
    attempt = timeless.begin_call(handler)
    await virtual.settle()
    attempt.control.request_stop(StopMode.KILL, 30)
    await virtual.advance(1)
    assert (await attempt.outcome()).state is RunState.STOPPED
    handler.let_go.set()


async def test_a_timeout_cancels_it(timeless: Rig, virtual: VirtualClock) -> None:
    attempt = timeless.begin_call(forever, timeout_s=5)
    await virtual.advance(4.9)
    assert not attempt.is_over
    await virtual.advance(0.1)
    outcome = await attempt.outcome()
    assert outcome.state is RunState.TIMED_OUT
    assert outcome.error is not None
    assert outcome.error.type == "TimedOut"
    assert "5 s" in outcome.error.message


async def test_a_timed_out_one_that_hangs_is_detached(timeless: Rig, virtual: VirtualClock) -> None:
    handler = Stubborn()
    attempt = timeless.begin_call(handler, timeout_s=5)
    await virtual.advance(5 + 10 + 1)
    outcome = await attempt.outcome()
    assert outcome.state is RunState.TIMED_OUT
    assert outcome.error is not None
    assert "Detached" in outcome.error.message
    handler.let_go.set()


async def test_success_after_the_timeout_is_a_timeout_that_keeps_the_result(
    timeless: Rig, virtual: VirtualClock
) -> None:
    async def load() -> str:
        try:
            await forever()
        except asyncio.CancelledError:
            return "late"

    attempt = timeless.begin_call(load, timeout_s=5)
    await virtual.advance(5)
    outcome = await attempt.outcome()
    assert (outcome.state, outcome.result) == (RunState.TIMED_OUT, "late")


async def test_one_that_blocked_the_loop_past_its_timeout_timed_out(
    timeless: Rig, virtual: VirtualClock
) -> None:
    """T07: the alarm could not ring while the loop stood still."""

    async def block() -> None:
        virtual._monotonic += 60

    outcome = await timeless.begin_call(block, timeout_s=5).outcome()
    assert outcome.state is RunState.TIMED_OUT


async def test_an_abandoned_attempt_cancels_the_handler_and_waits_for_it(rig: Rig) -> None:
    begun, cleaned = asyncio.Event(), asyncio.Event()

    async def load() -> None:
        begun.set()
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    attempt = rig.begin_call(load)
    await begun.wait()
    await attempt.abandon()
    assert cleaned.is_set()


async def test_an_abandoned_attempt_leaves_a_stubborn_handler_behind(
    timeless: Rig, virtual: VirtualClock
) -> None:
    handler = Stubborn()
    attempt = timeless.begin_call(handler)
    await virtual.settle()
    leaving = asyncio.create_task(attempt.abandon())
    await virtual.advance(1)
    await leaving
    assert timeless.runners.stuck == 1
    handler.let_go.set()


async def test_it_knows_its_run(rig: Rig) -> None:
    async def load(ctx: RunContext) -> list[object]:
        assert current_run() is ctx
        return [ctx.run_id, ctx.job, ctx.group, ctx.attempt, ctx.trigger, ctx.trace_id]

    rig.registry.register("the-handler", load)
    attempt = rig.begin(python_job(), make_run(trigger="nightly", attempt=2))
    outcome = await attempt.outcome()
    assert outcome.result == [42, "a-job", "default", 2, "nightly", TRACE_ID]


async def test_tasks_of_a_handler_know_its_run(rig: Rig) -> None:
    async def run_id() -> int:
        return current_run().run_id

    async def load() -> int:
        return await asyncio.create_task(run_id())

    outcome, _ = await rig.call(load)
    assert outcome.result == 42


async def test_the_run_on_the_stack_of_the_loops_thread_is_found(rig: Rig) -> None:
    """T06: whoever watches the loop from another thread can name what blocks it."""
    from callboard.runners.coroutine import run_on_stack

    found: list[RunContext | None] = []

    def look() -> None:
        found.append(run_on_stack(sys._getframe()))

    async def block() -> None:
        look()

    look()
    await rig.call(block)
    assert found[0] is None
    assert found[1] is not None
    assert found[1].run_id == 42


async def test_a_handler_cannot_change_the_runs_arguments(rig: Rig) -> None:
    async def load(items: list[int]) -> None:
        items.append(2)

    rig.registry.register("the-handler", load)
    run = make_run({"items": [1]})
    await rig.begin(python_job(), run).outcome()
    assert run.arguments == {"items": [1]}
