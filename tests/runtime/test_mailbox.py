"""The bounded mailbox: overload is a refusal (A14), a fork is noticed (A17)."""

from __future__ import annotations

import asyncio
import os
import traceback
import warnings
from typing import Any

import pykka
import pytest

from callboard.errors import Overloaded
from callboard.runtime import ForkedAfterStart, ask, stop
from runtime.samples import Add, Counter, Wait, Worker, breaths, in_thread


class Small(Worker):
    """Takes three messages."""

    mailbox_limit = 3


async def filled() -> tuple[Any, asyncio.Event]:
    """A Small with its mailbox full, behind a handler that waits for the event."""
    ref, gate = Small.start(), asyncio.Event()
    ref.tell(Wait(until=gate))
    await breaths()
    for _ in range(3):
        ref.tell("filling")
    return ref, gate


async def test_a_full_mailbox_refuses_tell_and_ask() -> None:
    ref, gate = await filled()
    with pytest.raises(Overloaded, match="Small has 3 messages waiting"):
        ref.tell("more")
    with pytest.raises(Overloaded):
        ref.ask("more", block=False)
    with pytest.raises(Overloaded):
        await ask(ref, Add(n=1))
    gate.set()
    await stop(ref)


async def test_a_full_mailbox_refuses_other_threads() -> None:
    ref, gate = await filled()
    with pytest.raises(Overloaded):
        await in_thread(lambda: ref.tell("more"))
    gate.set()
    await stop(ref)


async def test_it_takes_messages_again_once_some_were_handled() -> None:
    ref, gate = await filled()
    gate.set()
    await breaths()
    assert await ask(ref, Add(n=1)) == Add(n=1)
    await stop(ref)


async def test_the_message_to_stop_gets_into_a_full_mailbox() -> None:
    ref, gate = await filled()
    stopping = asyncio.ensure_future(stop(ref))
    await breaths()
    gate.set()
    assert await stopping


async def test_two_actors_have_limits_of_their_own() -> None:
    ref, gate = await filled()
    other = Counter.start()
    for _ in range(100):
        other.tell(Add(n=1))
    assert await ask(other, Add(n=0)) == 100
    gate.set()
    await stop(ref)
    await stop(other)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
async def test_a_forked_child_is_told_that_the_actor_stayed_behind() -> None:
    ref = Counter.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from 3.12
        child = os.fork()
    if child == 0:  # no return from here: the child must not go on with the suite
        try:
            ref.tell(Add(n=1))
        except ForkedAfterStart:
            os._exit(0)
        except BaseException:  # noqa: BLE001 - nothing may leave the child
            traceback.print_exc()
        os._exit(1)
    _, status = await in_thread(lambda: os.waitpid(child, 0))
    assert os.waitstatus_to_exitcode(status) == 0
    assert await ask(ref, Add(n=1)) == 1
    await stop(ref)


def test_an_actor_of_a_closed_loop_is_dead() -> None:
    async def start() -> Any:
        return Worker.start()

    loop = asyncio.new_event_loop()
    ref = loop.run_until_complete(start())
    (task,) = asyncio.all_tasks(loop)
    loop.close()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("hello")
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("hello")
    task._log_destroy_pending = False  # type: ignore[attr-defined]
