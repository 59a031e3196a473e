"""Timeouts of questions: exact, in order, and by one timer for many askers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from callboard.runtime import AskTimeout, ask, stop
from callboard.testing import VirtualClock
from runtime.samples import Add, Do, Wait, Worker, breaths, failing


class CountingClock(VirtualClock):
    """Counts the alarms that are set."""

    def __init__(self) -> None:
        super().__init__()
        self.set_alarms = 0

    def call_at(self, monotonic: float, callback: Callable[[], object]) -> Any:
        self.set_alarms += 1
        return super().call_at(monotonic, callback)


def asked(ref: Any, gate: asyncio.Event, timeout: float, clock: VirtualClock) -> asyncio.Task[Any]:
    return asyncio.ensure_future(
        failing(ask(ref, Wait(until=gate), timeout=timeout, clock=clock)),
    )


async def test_each_asker_is_told_at_its_own_time(clock: VirtualClock) -> None:
    ref, gate = Worker.start(), asyncio.Event()
    first = asked(ref, gate, 10, clock)
    await clock.advance(4)
    second, hasty = asked(ref, gate, 10, clock), asked(ref, gate, 1, clock)
    await clock.advance(1)
    assert (hasty.done(), first.done(), second.done()) == (True, False, False)
    await clock.advance(4.9)
    assert not first.done()
    await clock.advance(0.1)
    assert (first.done(), second.done()) == (True, False)
    await clock.advance(4)
    errors = await asyncio.gather(first, second, hasty)
    assert [type(error) for error in errors] == [AskTimeout] * 3
    gate.set()
    await stop(ref)


async def test_askers_who_wait_together_share_a_timer() -> None:
    clock = CountingClock()
    ref, gate = Worker.start(), asyncio.Event()
    waiting = [
        asyncio.ensure_future(
            ask(ref, Do(call=lambda actor: actor.later(gate.wait())), clock=clock)
        )
        for _ in range(100)
    ]
    await breaths()
    assert clock.set_alarms == 1
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 100
    await stop(ref)


async def test_no_timer_is_left_when_nobody_waits(clock: VirtualClock) -> None:
    ref = Worker.start()
    await asyncio.gather(*(ask(ref, Add(n=n), clock=clock) for n in range(10)))
    assert clock.next_alarm is None
    await stop(ref)


async def test_a_cancelled_asker_is_not_waited_for(clock: VirtualClock) -> None:
    ref, gate = Worker.start(), asyncio.Event()
    waiting = asked(ref, gate, 10, clock)
    await breaths()
    waiting.cancel()
    await breaths()
    assert clock.next_alarm is None
    gate.set()
    await stop(ref)


async def test_an_answer_that_comes_with_the_deadline_wins_or_loses_but_harms_nobody(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    ref, gate = Worker.start(), asyncio.Event()
    clock.call_at(10, gate.set)
    waiting = asyncio.ensure_future(ask(ref, Wait(until=gate), clock=clock))
    await breaths()
    await clock.advance(10)
    with pytest.raises(AskTimeout):
        await waiting
    assert await ask(ref, Add(n=1), clock=clock) == Add(n=1)
    await stop(ref)
    assert "never retrieved" not in caplog.text
