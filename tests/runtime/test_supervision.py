"""A crashed actor lives again under the same ref, but not for ever (A12)."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest

from callboard.errors import InvalidInput, Overloaded
from callboard.runtime import RestartPolicy, TooManyRestarts, ask, stop, supervise, tell
from callboard.testing import VirtualClock
from runtime.samples import (
    Add,
    Counter,
    Do,
    Raise,
    Wait,
    Worker,
    breaths,
    failing,
    in_thread,
    never,
)

BOOM = Raise(error=ValueError("boom"))


async def test_a_crashed_actor_is_made_anew_under_the_same_ref(clock: VirtualClock) -> None:
    ref = supervise(lambda: Counter(clock=clock), clock=clock, on_escalate=never)
    urn = ref.actor_urn
    assert await ask(ref, Add(n=5)) == 5
    ref.tell(BOOM)
    await clock.advance(0.1)
    assert await ask(ref, Add(n=1)) == 1
    assert ref.is_alive()
    assert ref.actor_urn == urn
    await stop(ref)


async def test_what_waits_survives_and_the_failing_message_does_not(clock: VirtualClock) -> None:
    log: list[Any] = []
    ref = supervise(lambda: Worker(log, clock=clock), clock=clock, on_escalate=never)
    for message in ("before", BOOM, "after"):
        ref.tell(message)
    asking = asyncio.ensure_future(ask(ref, Add(n=1)))
    await clock.advance(0.1)
    assert log == ["start", "before", "failure", "start", "after", Add(n=1)]
    assert await asking == Add(n=1)
    await stop(ref)


async def test_the_crash_is_logged_with_its_cause(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    ref = supervise(lambda: Counter(clock=clock), clock=clock, on_escalate=never)
    ref.tell(BOOM)
    await breaths()
    assert "Counter crashed" in caplog.text
    assert "ValueError: boom" in caplog.text
    await stop(ref)


def test_the_backoff_doubles_up_to_its_limit() -> None:
    policy = RestartPolicy(backoff_initial_s=0.1, backoff_max_s=5)
    assert [policy.backoff_s(n) for n in (1, 2, 3, 6, 7, 5000)] == [0.1, 0.2, 0.4, 3.2, 5, 5]


async def test_between_two_lives_messages_wait_within_the_limit(clock: VirtualClock) -> None:
    class Small(Worker):
        mailbox_limit = 2

    log: list[Any] = []
    ref = supervise(lambda: Small(log, clock=clock), clock=clock, on_escalate=never)
    ref.tell(BOOM)
    await breaths()
    ref.tell(1)
    ref.tell(2)
    with pytest.raises(Overloaded):
        ref.tell(3)
    await clock.advance(0.1)
    assert log == ["start", "failure", "start", 1, 2]
    await stop(ref)


async def test_an_actor_that_cannot_start_is_tried_again(clock: VirtualClock) -> None:
    starts: list[float] = []

    class Slow(Counter):
        async def on_start(self) -> None:
            starts.append(clock.monotonic())
            if len(starts) < 3:
                raise OSError("not yet")

    ref = supervise(lambda: Slow(clock=clock), clock=clock, on_escalate=never)
    await clock.advance(1)
    assert starts == pytest.approx([0, 0.1, 0.3])
    assert await ask(ref, Add(n=1)) == 1
    await stop(ref)


async def test_a_crash_storm_ends_with_a_clear_error(clock: VirtualClock) -> None:
    escalated: list[TooManyRestarts] = []
    policy = RestartPolicy(max_restarts=3, window_s=30)
    ref = supervise(
        lambda: Counter(clock=clock), policy=policy, clock=clock, on_escalate=escalated.append
    )
    for _ in range(4):
        ref.tell(BOOM)
    asking = asyncio.ensure_future(failing(ask(ref, Add(n=1), timeout=None)))
    await clock.advance(10)
    assert [str(error) for error in escalated] == [
        "Counter crashed 4 times within 30 s; the last error was ValueError: boom"
    ]
    assert isinstance(await asking, pykka.ActorDeadError)
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell(Add(n=1))


async def test_crashes_outside_of_the_window_do_not_count(clock: VirtualClock) -> None:
    policy = RestartPolicy(max_restarts=1, window_s=30)
    ref = supervise(lambda: Counter(clock=clock), policy=policy, clock=clock, on_escalate=never)
    for _ in range(10):
        ref.tell(BOOM)
        await clock.advance(31)
    assert await ask(ref, Add(n=1)) == 1
    await stop(ref)


async def test_a_storm_of_one_actor_leaves_the_others_alone(clock: VirtualClock) -> None:
    escalated: list[TooManyRestarts] = []
    stormy = supervise(lambda: Counter(clock=clock), clock=clock, on_escalate=escalated.append)
    calm = Counter.start()
    for _ in range(100):
        stormy.tell(BOOM)
        tell(calm, Add(n=1))
    await clock.advance(60)
    assert len(escalated) == 1
    assert await ask(calm, Add(n=0)) == 100
    await stop(calm)


async def test_a_factory_that_fails_counts_as_a_crash(clock: VirtualClock) -> None:
    made = 0

    def make() -> Counter:
        nonlocal made
        made += 1
        if made == 2:
            raise OSError("no")
        return Counter(clock=clock)

    ref = supervise(make, clock=clock, on_escalate=never)
    ref.tell(BOOM)
    await clock.advance(1)
    assert made == 3
    assert await ask(ref, Add(n=1)) == 1
    await stop(ref)


async def test_an_exception_under_ask_is_no_crash(clock: VirtualClock) -> None:
    ref = supervise(lambda: Counter(clock=clock), clock=clock, on_escalate=never)
    await ask(ref, Add(n=5))
    await failing(ask(ref, BOOM))
    assert await ask(ref, Add(n=1)) == 6
    await stop(ref)


async def test_a_crash_ends_timers_tasks_and_due_replies_of_that_life(clock: VirtualClock) -> None:
    log: list[Any] = []
    ref = supervise(lambda: Worker(log, clock=clock), clock=clock, on_escalate=never)
    waiting = asyncio.ensure_future(
        failing(ask(ref, Do(call=lambda actor: actor.later(asyncio.Event().wait())), timeout=None))
    )
    await ask(ref, Do(call=lambda actor: actor.timers.send_after("k", 0.05, "timer")))
    ref.tell(BOOM)
    await clock.advance(1)
    assert isinstance(await waiting, pykka.ActorDeadError)
    assert log == ["start", "failure", "start"]
    await stop(ref)


async def test_the_handler_after_a_crash_can_be_interrupted_again(clock: VirtualClock) -> None:
    ref = supervise(lambda: Worker(clock=clock), clock=clock, on_escalate=never)

    async def fail() -> None:
        raise ValueError("boom")

    def spawn(actor: Worker) -> None:
        actor.spawn(fail(), name="fail")

    for _ in range(2):
        await ask(ref, Do(call=spawn))
        await clock.advance(1)
    gate = asyncio.Event()
    asking = asyncio.ensure_future(ask(ref, Wait(until=gate)))
    await breaths()
    gate.set()
    assert await asking == "done"
    await stop(ref)


async def test_a_ref_handed_out_by_the_constructor_keeps_working(clock: VirtualClock) -> None:
    given: list[pykka.ActorRef[Any]] = []

    class Eager(Counter):
        def __init__(self) -> None:
            super().__init__(clock=clock)
            given.append(self.actor_ref)
            self.actor_ref.tell(Add(n=100))

    ref = supervise(Eager, clock=clock, on_escalate=never)
    ref.tell(BOOM)
    await clock.advance(1)
    assert len(given) == 2
    assert [await ask(each, Add(n=1)) for each in (*given, ref)] == [101, 102, 103]
    await stop(ref)
    assert not given[1].is_alive()


async def test_proxies_and_threads_reach_the_next_life(clock: VirtualClock) -> None:
    ref = supervise(lambda: Counter(clock=clock), clock=clock, on_escalate=never)
    proxy = ref.proxy()
    ref.tell(BOOM)
    await clock.advance(1)
    ref.tell(Add(n=2))
    assert await proxy.double() == 4
    assert await in_thread(lambda: ref.ask(Add(n=1))) == 5
    await stop(ref)


async def test_an_actor_that_dies_outside_of_its_handlers_escalates_too() -> None:
    escalated: list[TooManyRestarts] = []
    ref = supervise(Counter, on_escalate=escalated.append)
    ref.tell(Raise(error=GeneratorExit()))
    await breaths()
    assert isinstance(escalated[0].last, GeneratorExit)
    assert not ref.is_alive()


async def test_a_stopped_actor_is_not_started_again(clock: VirtualClock) -> None:
    made: list[Counter] = []

    def make() -> Counter:
        made.append(Counter(clock=clock))
        return made[-1]

    ref = supervise(make, clock=clock, on_escalate=never)
    await stop(ref)
    await clock.advance(60)
    assert len(made) == 1


def test_a_policy_refuses_negative_figures_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"window_s: -1 is negative \(0 or more\)"):
        RestartPolicy(window_s=-1)
