"""Timers: messages to oneself at a clock's time, never after they were taken back."""

from __future__ import annotations

import asyncio
from typing import Any

from callboard.runtime import ask, stop
from callboard.testing import VirtualClock
from runtime.samples import Do, Wait, Worker, breaths


async def started(clock: VirtualClock) -> tuple[Any, list[Any]]:
    log: list[Any] = []
    return Worker.start(log, clock=clock), log


async def test_a_message_comes_at_its_time(clock: VirtualClock) -> None:
    ref, log = await started(clock)
    await ask(ref, Do(call=lambda actor: actor.timers.send_at("k", 5.0, "at")))
    await ask(ref, Do(call=lambda actor: actor.timers.send_after("l", 7.0, "after")))
    await clock.advance(4.9)
    assert log == ["start"]
    await clock.advance(0.1)
    assert log == ["start", "at"]
    await clock.advance(2)
    assert log == ["start", "at", "after"]
    await stop(ref)


async def test_setting_a_key_again_replaces_the_timer(clock: VirtualClock) -> None:
    ref, log = await started(clock)
    await ask(ref, Do(call=lambda actor: actor.timers.send_after("k", 1, "first")))
    await ask(ref, Do(call=lambda actor: actor.timers.send_after("k", 2, "second")))
    await clock.advance(5)
    assert log == ["start", "second"]
    await stop(ref)


async def test_the_earlier_of_two_wishes_for_a_key_stays(clock: VirtualClock) -> None:
    ref, log = await started(clock)
    for seconds, said in ((3, "first"), (5, "later"), (2, "earlier")):
        await ask(ref, Do(call=lambda a, s=seconds, t=said: a.timers.send_within("k", s, t)))
    await clock.advance(2)
    assert log == ["start", "earlier"]
    await clock.advance(10)
    assert log == ["start", "earlier"]
    await stop(ref)


async def test_a_cancelled_timer_does_not_ring(clock: VirtualClock) -> None:
    ref, log = await started(clock)
    await ask(ref, Do(call=lambda actor: actor.timers.send_after("k", 1, "no")))
    await ask(ref, Do(call=lambda actor: actor.timers.cancel("k")))
    await ask(ref, Do(call=lambda actor: actor.timers.cancel("unknown")))
    await clock.advance(5)
    assert log == ["start"]
    await stop(ref)


async def test_a_timer_cancelled_while_its_message_waits_is_not_delivered(
    clock: VirtualClock,
) -> None:
    ref, log = await started(clock)
    gate = asyncio.Event()

    async def cancel_late(actor: Worker) -> None:
        await gate.wait()
        actor.timers.cancel("k")

    await ask(ref, Do(call=lambda actor: actor.timers.send_after("k", 1, "late")))
    ref.tell(Do(call=cancel_late))
    await clock.advance(1)
    assert len(ref.actor_inbox) == 1
    gate.set()
    await breaths()
    assert log == ["start"]
    await stop(ref)


async def test_a_timer_can_be_set_again_by_its_own_message(clock: VirtualClock) -> None:
    ref, log = await started(clock)

    def tick(actor: Worker) -> None:
        actor.log.append(clock.monotonic())
        actor.timers.send_after("tick", 1, Do(call=tick))

    await ask(ref, Do(call=tick))
    await clock.advance(3)
    assert log == ["start", 0, 1, 2, 3]
    await stop(ref)


async def test_timers_end_with_their_actor(clock: VirtualClock) -> None:
    ref, log = await started(clock)
    await ask(ref, Do(call=lambda actor: actor.timers.send_after("k", 1, "no")))
    await stop(ref)
    assert clock.next_alarm is None
    await clock.advance(5)
    assert log == ["start", "stop"]


async def test_a_timers_message_gets_into_a_full_mailbox(clock: VirtualClock) -> None:
    class Small(Worker):
        mailbox_limit = 1

    log: list[Any] = []
    ref, gate = Small.start(log, clock=clock), asyncio.Event()
    await ask(ref, Do(call=lambda actor: actor.timers.send_after("k", 1, "timer")))
    ref.tell(Wait(until=gate))
    await breaths()
    ref.tell("filling")
    await clock.advance(1)
    gate.set()
    await breaths()
    assert log == ["start", "filling", "timer"]
    await stop(ref)
