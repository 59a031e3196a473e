"""Plain functions in threads, and what cannot be stopped there."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from callboard.domain.run import StopMode
from callboard.domain.states import RunState
from callboard.runners.context import RunContext, current_run
from callboard.runners.control import RunControl
from callboard.runners.log import RunLog
from callboard.runners.thread import ThreadRunner
from callboard.testing import VirtualClock
from runners.rig import Rig, eventually, open_rig

WAIT_S = 20.0


class Stuck:
    """A handler that ignores everything until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        self.let_go.wait(WAIT_S)
        return "done at last"


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    handler = Stuck()
    yield handler
    handler.let_go.set()


def callboard_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "callboard" in thread.name]


@pytest.fixture(autouse=True)
def _threads_of_earlier_tests_have_ended() -> None:
    """They were let go at the end of their tests, and end a moment later."""
    for thread in threading.enumerate():
        if "callboard" in thread.name:
            thread.join(WAIT_S)


async def test_its_return_value_is_the_result(rig: Rig) -> None:
    def add(a: int, b: int) -> int:
        return a + b

    outcome, _ = await rig.call(add, a=2, b=3)
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, 5)


async def test_the_loop_goes_on_while_it_blocks(rig: Rig, stuck: Stuck) -> None:
    attempt = rig.begin_call(stuck)
    await eventually(stuck.begun.is_set)
    stuck.let_go.set()
    assert (await attempt.outcome()).result == "done at last"


async def test_its_thread_bears_the_name_of_the_run(rig: Rig) -> None:
    def name() -> str:
        return threading.current_thread().name

    outcome, _ = await rig.call(name)
    assert outcome.result == "callboard-run-42"


async def test_it_inherits_the_callers_context(rig: Rig) -> None:
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")

    def who() -> str:
        return tenant.get()

    tenant.set("acme")
    outcome, _ = await rig.call(who)
    assert outcome.result == "acme"


async def test_it_knows_its_run(rig: Rig) -> None:
    def run_id() -> int:
        return current_run().run_id

    outcome, _ = await rig.call(run_id)
    assert outcome.result == 42


@pytest.mark.parametrize(
    "error", [ValueError, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError]
)
async def test_no_exception_leaves_the_thread(rig: Rig, error: type[BaseException]) -> None:
    def load() -> None:
        raise error

    outcome, _ = await rig.call(load)
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    assert outcome.error.type.endswith(error.__name__)
    assert "callboard/runners" not in (outcome.error.traceback or "")


async def test_sys_exit_with_a_code_fails_the_run(rig: Rig) -> None:
    def load() -> None:
        sys.exit(3)

    outcome, _ = await rig.call(load)
    assert outcome.error is not None
    assert (outcome.state, outcome.error.exit_code) == (RunState.FAILED, 3)


async def test_a_thread_serves_many_runs(rig: Rig) -> None:
    def thread_id() -> int:
        return threading.get_ident()

    ids = [(await rig.call(thread_id))[0].result for _ in range(5)]
    assert len(set(ids)) == 1


async def test_it_sees_that_it_is_asked_to_stop(rig: Rig) -> None:
    begun = threading.Event()

    def load(ctx: RunContext) -> None:
        begun.set()
        while True:
            ctx.wait_stopping(WAIT_S)
            ctx.raise_if_stopping()

    attempt = rig.begin_call(load)
    await eventually(begun.is_set)
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    outcome = await attempt.outcome()
    assert (outcome.state, outcome.error) == (RunState.STOPPED, None)


async def test_one_that_returns_when_asked_has_succeeded(rig: Rig) -> None:
    begun = threading.Event()

    def load(ctx: RunContext) -> str:
        begun.set()
        return "half of it" if ctx.wait_stopping(WAIT_S) else "never asked"

    attempt = rig.begin_call(load)
    await eventually(begun.is_set)
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    outcome = await attempt.outcome()
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, "half of it")


async def test_a_stuck_thread_is_detached_and_counted_until_it_ends(rig: Rig, stuck: Stuck) -> None:
    """T08."""
    attempt = rig.begin_call(stuck)
    await eventually(stuck.begun.is_set)
    attempt.control.request_stop(StopMode.COOPERATIVE, 0.01)
    outcome = await attempt.outcome()
    assert outcome.state is RunState.STOPPED
    assert outcome.error is not None
    assert outcome.error.type == "Detached"
    assert rig.runners.stuck == 1
    stuck.let_go.set()
    await eventually(lambda: rig.runners.stuck == 0)


async def test_a_thread_that_exceeds_its_timeout_is_detached(rig: Rig, stuck: Stuck) -> None:
    """T07, T08."""
    attempt = rig.begin_call(stuck, timeout_s=0.05)
    await eventually(stuck.begun.is_set)
    await eventually(lambda: attempt.control.cause is not None)
    attempt.control.request_stop(StopMode.KILL, 0)
    outcome = await attempt.outcome()
    assert outcome.state is RunState.TIMED_OUT
    assert outcome.error is not None
    assert "Detached" in outcome.error.message


async def test_a_stuck_thread_keeps_its_place(stuck: Stuck) -> None:
    """T08: the next run waits for the place and does not get a thread beyond the capacity."""
    async with open_rig(capacity=1) as rig:
        attempt = rig.begin_call(stuck)
        await eventually(stuck.begun.is_set)
        attempt.control.request_stop(StopMode.KILL, 0)
        await attempt.outcome()
        waiting = rig.begin_call(lambda: "had to wait")
        await asyncio.sleep(0)
        assert not waiting.is_over
        assert len(callboard_threads()) == 1
        stuck.let_go.set()
        assert (await waiting.outcome()).result == "had to wait"


async def test_one_that_waits_for_a_thread_can_be_stopped(stuck: Stuck) -> None:
    calls: list[str] = []
    async with open_rig(capacity=1) as rig:
        first = rig.begin_call(stuck)
        await eventually(stuck.begun.is_set)
        second = rig.begin_call(lambda: calls.append("called"))
        await asyncio.sleep(0)
        second.control.request_stop(StopMode.COOPERATIVE, 30)
        assert (await second.outcome()).state is RunState.STOPPED
        stuck.let_go.set()
        await first.outcome()
    assert calls == []


async def test_an_abandoned_attempt_leaves_the_thread_behind_at_once(
    rig: Rig, stuck: Stuck
) -> None:
    attempt = rig.begin_call(stuck)
    await eventually(stuck.begun.is_set)
    await attempt.abandon()
    assert rig.runners.stuck == 1


async def test_stuck_threads_do_not_keep_the_process_alive(rig: Rig, stuck: Stuck) -> None:
    rig.begin_call(stuck)
    await eventually(stuck.begun.is_set)
    threads = [thread for thread in threading.enumerate() if "callboard" in thread.name]
    assert all(thread.daemon for thread in threads)


async def test_close_ends_idle_threads_at_once_and_busy_ones_after_their_call(
    stuck: Stuck,
) -> None:
    """A16."""
    async with open_rig() as rig:
        await asyncio.gather(*(rig.call(lambda: time.sleep(0.01)) for _ in range(3)))
        rig.begin_call(stuck)
        await eventually(stuck.begun.is_set)
    assert callboard_threads() == ["callboard-run-42"]
    stuck.let_go.set()
    await eventually(lambda: callboard_threads() == [])


async def test_a_plain_function_may_run_on_the_loop(rig: Rig) -> None:
    here = threading.get_ident()
    outcome, _ = await rig.call(lambda: threading.get_ident() == here, isolation="loop")
    assert outcome.result is True


async def test_a_coroutine_function_may_run_in_a_thread(rig: Rig) -> None:
    async def where() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    outcome, _ = await rig.call(where, isolation="thread")
    assert outcome.result == "callboard-run-42"


async def test_a_coroutine_in_a_thread_is_cancelled_when_asked(rig: Rig) -> None:
    begun = threading.Event()

    async def load() -> None:
        begun.set()
        await asyncio.Event().wait()

    attempt = rig.begin_call(load, isolation="thread")
    await eventually(begun.is_set)
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED


async def test_a_plain_function_that_returns_a_coroutine_is_awaited(rig: Rig) -> None:
    async def load() -> str:
        return "from the coroutine"

    outcome, _ = await rig.call(lambda: load())
    assert outcome.result == "from the coroutine"


async def test_virtual_time_stands_still_while_a_thread_works(
    stuck: Stuck, virtual: VirtualClock
) -> None:
    threads = ThreadRunner(1, hold=virtual.hold)
    log = RunLog(1, clock=virtual, emit=lambda chunk: None)
    context = RunContext(run_id=1, job="a-job", group="default", output=log)
    run = asyncio.create_task(threads.run(stuck, context, RunControl(virtual)))
    await eventually(stuck.begun.is_set)
    moving = asyncio.create_task(virtual.advance(3600))
    for _ in range(200):
        await asyncio.sleep(0)
    assert virtual.monotonic() == 0
    stuck.let_go.set()
    await moving
    assert run.done()
    threads.close()
