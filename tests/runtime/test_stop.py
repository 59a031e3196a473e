"""Stopping within a deadline; every message is answered, handled or named in the log (A15)."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest

from callboard.runtime import AskCycle, AsyncioActor, RestartPolicy, ask, stop, supervise
from callboard.testing import VirtualClock
from runtime.samples import Add, Do, Raise, Wait, Worker, breaths, failing, never


async def busy(clock: VirtualClock) -> tuple[Any, list[Any], asyncio.Event]:
    """A Worker whose handler waits for the event."""
    log: list[Any] = []
    ref, gate = Worker.start(log, clock=clock), asyncio.Event()
    ref.tell(Wait(until=gate))
    await breaths()
    return ref, log, gate


async def test_what_waits_is_handled_first(clock: VirtualClock) -> None:
    ref, log, gate = await busy(clock)
    asking = asyncio.ensure_future(ask(ref, Add(n=1), clock=clock))
    ref.tell("waiting")
    await breaths()
    stopping = asyncio.ensure_future(stop(ref))
    await breaths()
    gate.set()
    assert await stopping is True
    assert await asking == Add(n=1)
    assert log == ["start", "waiting", Add(n=1), "stop"]


async def test_what_comes_after_is_refused(clock: VirtualClock) -> None:
    ref, log, gate = await busy(clock)
    stopping = asyncio.ensure_future(stop(ref))
    await breaths()
    with pytest.raises(pykka.ActorDeadError, match="Worker stops"):
        ref.tell("late")
    assert isinstance(await failing(ask(ref, Add(n=1))), pykka.ActorDeadError)
    gate.set()
    await stopping
    assert log == ["start", "stop"]


async def test_at_the_deadline_the_handler_is_cut_off_and_askers_are_answered(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    ref, log, _ = await busy(clock)
    running = asyncio.ensure_future(failing(ask(ref, Add(n=1), timeout=None)))
    ref.tell("told")
    await breaths()
    stopping = asyncio.ensure_future(stop(ref, deadline_s=5))
    await clock.advance(4.9)
    assert not stopping.done()
    await clock.advance(0.1)
    assert await stopping is False
    assert isinstance(await running, pykka.ActorDeadError)
    assert log == ["start", "stop"]
    assert "Worker stopped before it handled {'str': 1}" in caplog.text


async def test_the_asker_of_a_handler_that_is_cut_off_is_answered(clock: VirtualClock) -> None:
    ref = Worker.start(clock=clock)
    asking = asyncio.ensure_future(failing(ask(ref, Wait(until=asyncio.Event()), timeout=None)))
    await breaths()
    stopping = asyncio.ensure_future(stop(ref, deadline_s=5))
    await clock.advance(5)
    assert await stopping is False
    assert "cut off while it handled Wait" in str(await asking)


async def test_a_handler_that_swallows_its_cancellation_does_not_go_on(clock: VirtualClock) -> None:
    log: list[Any] = []
    ref = Worker.start(log, clock=clock)

    async def stubborn(actor: Worker) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("swallowed")

    ref.tell(Do(call=stubborn))
    ref.tell("not handled")
    await breaths()
    stopping = asyncio.ensure_future(stop(ref, deadline_s=5))
    await clock.advance(5)
    assert await stopping is False
    assert log == ["start", "swallowed", "stop"]


async def test_on_stop_that_hangs_is_cut_off(clock: VirtualClock) -> None:
    class Hanging(AsyncioActor):
        async def on_stop(self) -> None:
            await asyncio.Event().wait()

    ref = Hanging.start(clock=clock)
    stopping = asyncio.ensure_future(stop(ref, deadline_s=5))
    await clock.advance(5)
    assert await stopping is False
    assert not ref.is_alive()


async def test_a_task_that_refuses_to_end_does_not_hold_up_the_stop(clock: VirtualClock) -> None:
    released = asyncio.Event()

    async def refuse(actor: Worker) -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                pass

    def spawn(actor: Worker) -> None:
        actor.spawn(refuse(actor), name="refuse")

    ref = Worker.start(clock=clock)
    await ask(ref, Do(call=spawn))
    await breaths()
    stopping = asyncio.ensure_future(stop(ref, deadline_s=5))
    await clock.advance(10)
    assert await stopping is False
    assert not ref.is_alive()
    released.set()
    await breaths()


async def test_stopping_twice_and_together_is_fine() -> None:
    log: list[Any] = []
    ref = Worker.start(log)
    assert all(await asyncio.gather(stop(ref), stop(ref)))
    assert await stop(ref) is True
    assert log == ["start", "stop"]


async def test_an_actor_stopped_before_its_first_step_starts_and_stops() -> None:
    log: list[Any] = []
    ref = Worker.start(log)
    await stop(ref)
    assert log == ["start", "stop"]


async def test_an_actor_that_waits_for_its_own_stop_is_refused() -> None:
    ref = Worker.start()
    error = await failing(ask(ref, Do(call=lambda actor: stop(actor.actor_ref))))
    assert isinstance(error, AskCycle)
    assert await stop(ref)


async def test_a_stop_during_the_backoff_lets_the_next_life_handle_what_waits(
    clock: VirtualClock,
) -> None:
    log: list[Any] = []
    policy = RestartPolicy(backoff_initial_s=1000, backoff_max_s=1000)
    ref = supervise(lambda: Worker(log, clock=clock), policy=policy, clock=clock, on_escalate=never)
    ref.tell(Raise(error=ValueError("boom")))
    ref.tell("waiting")
    await breaths()
    assert log == ["start", "failure"]
    assert await stop(ref)
    assert log == ["start", "failure", "start", "waiting", "stop"]


async def test_an_actor_that_crashes_on_everything_still_stops_in_time(
    clock: VirtualClock,
) -> None:
    ref = supervise(lambda: Worker(clock=clock), clock=clock, on_escalate=never)
    for _ in range(4):
        ref.tell(Raise(error=ValueError("boom")))
    assert await stop(ref)
    assert not ref.is_alive()
