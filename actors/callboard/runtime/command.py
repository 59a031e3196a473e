"""Command[R]: a message that names its reply, and the typed `ask` and `tell`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, TypeVar

import pykka
from pykka._envelope import Envelope

from callboard.clock import Clock, SystemClock
from callboard.runtime.answer import Failed
from callboard.runtime.chain import Ask, AskEnvelope, current_work, find_cycle, names
from callboard.runtime.deadlines import SILENCE
from callboard.runtime.errors import AskCycle, AskTimeout
from callboard.runtime.future import AsyncioFuture
from callboard.runtime.mailbox import Mailbox

R_co = TypeVar("R_co", covariant=True)

SYSTEM_CLOCK = SystemClock()


class Command(Generic[R_co]):
    """The base of messages that are answered by an `R`.

    Subclasses are frozen, slotted, keyword-only dataclasses of plain values.
    """

    __slots__ = ()


def tell(ref: pykka.ActorRef[Any], message: object) -> None:
    """Send a message that is not answered; from any thread.

    Raises:
        Overloaded: the actor's mailbox is full.
        pykka.ActorDeadError: the actor stops or has stopped.
    """
    inbox = ref.actor_inbox
    if type(inbox) is Mailbox:
        inbox.put(Envelope(message))
    else:
        ref.tell(message)


async def ask(
    ref: pykka.ActorRef[Any],
    command: Command[R_co],
    *,
    timeout: float | None = 10.0,
    clock: Clock = SYSTEM_CLOCK,
) -> R_co:
    """The actor's answer; works for asyncio actors and for threading ones.

    Args:
        timeout: seconds to wait; None waits until the actor answers or stops.
    Raises:
        AskTimeout: no answer in time. The message may still be handled.
        AskCycle: the actor waits for the asker; nothing was sent.
        Overloaded: the actor's mailbox is full; nothing was sent.
        pykka.ActorDeadError: the actor stopped before it answered.
        Exception: whatever the handler raised.
    """
    work = current_work.get()
    if work is None or work.is_over:
        return await _ask(ref, command, None, timeout, clock)
    with questioning(ref, type(command).__name__) as question:
        return await _ask(ref, command, question, timeout, clock)


@contextmanager
def questioning(ref: pykka.ActorRef[Any], message: str) -> Iterator[Ask | None]:
    """Note that the running actor waits for another one; None outside of actors.

    Raises:
        AskCycle: the other one waits for it.
    """
    work = current_work.get()
    if work is None or work.is_over:
        yield None
        return
    target = ref.actor_inbox
    if isinstance(target, Mailbox) and (cycle := find_cycle(work, target)):
        raise AskCycle(cycle, message)
    question = Ask(work, target)
    question.begin()
    try:
        yield question
    finally:
        question.end()


async def _ask(
    ref: pykka.ActorRef[Any],
    command: Command[R_co],
    question: Ask | None,
    timeout: float | None,
    clock: Clock,
) -> R_co:
    inbox = ref.actor_inbox
    if type(inbox) is Mailbox and asyncio._get_running_loop() is inbox.loop:
        asker: Any = inbox.loop.create_future()
        inbox.put(_sealed(command, asker, question))
        queue = None if timeout is None else inbox.deadlines.begin(asker, timeout, clock)
        try:
            outcome = await asker
        finally:
            if queue is not None:
                queue.end(asker)
    else:
        outcome = await _answer_from_afar(ref, command, question, timeout, clock)
    if outcome is SILENCE:
        assert timeout is not None
        asked_by = names(question.by) if question is not None else ()
        chain = (*asked_by, ref.actor_class.__name__)
        raise AskTimeout(chain, type(command).__name__, timeout)
    if type(outcome) is Failed:
        outcome.give()
    answer: R_co = outcome
    return answer


def _sealed(message: object, reply_to: Any, question: Ask | None) -> Envelope[Any]:
    if question is None:
        return Envelope(message, reply_to)
    return AskEnvelope(message, reply_to, question)


async def _answer_from_afar(
    ref: pykka.ActorRef[Any],
    command: object,
    question: Ask | None,
    timeout: float | None,
    clock: Clock,
) -> Any:
    """What an actor of another loop, or of a thread, answers; SILENCE when time is over."""
    reply: AsyncioFuture[Any] = AsyncioFuture()
    _send(ref, _sealed(command, reply, question))
    return reply.get() if await arrives(reply, timeout, clock) else SILENCE


def _send(ref: pykka.ActorRef[Any], envelope: Envelope[Any]) -> None:
    # What ActorRef.ask does, but with our future also for actors of another runtime.
    if not ref.is_alive():
        raise pykka.ActorDeadError(f"{ref.actor_class.__name__} has stopped")
    ref.actor_inbox.put(envelope)


async def arrives(reply: AsyncioFuture[Any], timeout: float | None, clock: Clock) -> bool:
    """Whether the reply came within `timeout` seconds (None: as long as it takes)."""
    arrival = reply.arrival()
    if timeout is None:
        await arrival
        return True
    alarm = clock.call_at(clock.monotonic() + timeout, partial(_give_up, arrival))
    try:
        await arrival
    finally:
        alarm.cancel()
    return reply.is_done


def _give_up(arrival: asyncio.Future[None]) -> None:
    if not arrival.done():
        arrival.set_result(None)
