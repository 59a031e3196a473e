"""Whatever comes in whatever order: every asker is answered, every task ends (A12, A15)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pykka
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.errors import Overloaded
from callboard.runtime import HandlerCancelled, RestartPolicy, stop, supervise
from callboard.testing import VirtualClock
from runtime.samples import Add, Do, Worker, breaths

EXPECTED = (pykka.ActorDeadError, Overloaded, HandlerCancelled, ValueError)


class Small(Worker):
    mailbox_limit = 4


async def fail() -> None:
    raise ValueError("boom")


def cancelled(actor: Worker) -> None:
    raise asyncio.CancelledError


def spawn(actor: Worker) -> None:
    actor.spawn(fail(), name="fail")


def send_later(actor: Worker) -> None:
    actor.timers.send_after("k", 0.05, "timer")


MESSAGES = st.sampled_from(
    [
        Add(n=1),
        Do(call=lambda actor: fail()),
        Do(call=cancelled),
        Do(call=spawn),
        Do(call=send_later),
        Do(call=lambda actor: actor.reply_later()),
        Do(call=lambda actor: actor.later(asyncio.Event().wait())),
        Do(call=lambda actor: actor.later(fail())),
        Do(call=lambda actor: breaths(3)),
        Do(call=lambda actor: asyncio.Event().wait()),
    ]
)
STEPS = st.one_of(
    st.tuples(st.just("tell"), MESSAGES),
    st.tuples(st.just("ask"), MESSAGES),
    st.tuples(st.just("advance"), st.sampled_from([0.01, 1.0])),
    st.tuples(st.just("stop"), st.none()),
)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@given(steps=st.lists(STEPS, max_size=25))
@settings(max_examples=60, deadline=None)
def test_every_asker_is_answered_and_every_task_ends(
    new_loop: Callable[[], asyncio.AbstractEventLoop], steps: list[tuple[str, Any]]
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_play(steps))


async def _play(steps: list[tuple[str, Any]]) -> None:
    clock = VirtualClock(quiet_turns=20)
    policy = RestartPolicy(max_restarts=3)
    ref = supervise(
        lambda: Small(clock=clock), policy=policy, clock=clock, on_escalate=lambda error: None
    )
    answers = [answer for step in steps if (answer := await _take(step, ref, clock)) is not None]
    stopping = asyncio.ensure_future(stop(ref, deadline_s=3))
    await clock.advance(10)
    await stopping
    assert not ref.is_alive()
    assert all(answer.is_done for answer in answers)
    await asyncio.gather(*map(_value, answers))
    await breaths()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert clock.next_alarm is None


async def _take(step: tuple[str, Any], ref: pykka.ActorRef[Any], clock: VirtualClock) -> Any:
    match step:
        case "advance", seconds:
            await clock.advance(seconds)
        case "stop", _:
            ref.stop(block=False)
        case way, message:
            try:
                return ref.tell(message) if way == "tell" else ref.ask(message, block=False)
            except (pykka.ActorDeadError, Overloaded):
                pass
    return None


async def _value(answer: pykka.Future[Any]) -> None:
    try:
        await answer
    except EXPECTED:
        pass
