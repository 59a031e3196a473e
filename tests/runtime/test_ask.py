"""`ask`: typed, in time, and never in a circle (A13)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callboard.errors import CallboardError
from callboard.runtime import AskCycle, AskTimeout, HandlerCancelled, ask, stop
from callboard.testing import VirtualClock
from runtime.samples import (
    Add,
    AskOn,
    Counter,
    Do,
    First,
    Second,
    Third,
    Threaded,
    Wait,
    Worker,
    breaths,
    failing,
    in_thread,
)


async def test_a_late_answer_is_a_timeout_naming_actor_and_message(clock: VirtualClock) -> None:
    ref, gate = Worker.start(), asyncio.Event()
    waiting = asyncio.ensure_future(failing(ask(ref, Wait(until=gate), clock=clock)))
    await clock.advance(9.9)
    assert not waiting.done()
    await clock.advance(0.1)
    error = await waiting
    assert isinstance(error, AskTimeout)
    assert isinstance(error, CallboardError)
    assert str(error) == "Worker did not answer Wait within 10 s"
    gate.set()
    await stop(ref)


async def test_a_message_is_handled_although_its_asker_gave_up(clock: VirtualClock) -> None:
    log: list[Any] = []
    ref, gate = Worker.start(log), asyncio.Event()
    ref.tell(Wait(until=gate))
    waiting = asyncio.ensure_future(failing(ask(ref, Do(call=log.append), timeout=1, clock=clock)))
    await clock.advance(1)
    assert isinstance(await waiting, AskTimeout)
    gate.set()
    await stop(ref)
    assert len(log) == 3


async def test_without_timeout_the_asker_waits(clock: VirtualClock) -> None:
    ref, gate = Worker.start(), asyncio.Event()
    waiting = asyncio.ensure_future(ask(ref, Wait(until=gate), timeout=None, clock=clock))
    await clock.advance(1_000_000)
    gate.set()
    assert await waiting == "done"
    await stop(ref)


async def test_a_cancelled_asker_harms_nobody() -> None:
    ref, gate = Worker.start(), asyncio.Event()
    waiting = asyncio.ensure_future(ask(ref, Wait(until=gate)))
    await breaths()
    waiting.cancel()
    await breaths()
    gate.set()
    assert await ask(ref, Do(call=lambda _: 1)) == 1
    await stop(ref)


async def test_a_handler_that_awaits_something_cancelled_answers_by_an_error() -> None:
    ref = Worker.start()

    async def await_cancelled(actor: Worker) -> None:
        lost = asyncio.get_running_loop().create_future()
        lost.cancel()
        await lost

    error = await failing(ask(ref, Do(call=await_cancelled)))
    assert isinstance(error, HandlerCancelled)
    assert str(error) == "Worker was cancelled while it handled Do"
    assert await ask(ref, Do(call=lambda _: 1)) == 1
    await stop(ref)


async def test_a_timeout_names_who_asked_whom(clock: VirtualClock) -> None:
    gate = asyncio.Event()
    first, second = First.start(clock=clock), Second.start(clock=clock)
    question = AskOn(whom=second, command=Wait(until=gate))
    waiting = asyncio.ensure_future(failing(ask(first, question, timeout=20, clock=clock)))
    await clock.advance(10)
    error = await waiting
    assert isinstance(error, AskTimeout)
    assert error.chain == ("First", "Second")
    assert "asked by First -> Second" in str(error)
    gate.set()
    await stop_all(first, second)


async def test_a_cycle_of_asks_is_refused_at_once_naming_it() -> None:
    first, second, third = First.start(), Second.start(), Third.start()
    back = AskOn(whom=first, command=Add(n=1))
    question = AskOn(whom=second, command=AskOn(whom=third, command=back))
    error = await failing(ask(first, question))
    assert isinstance(error, AskCycle)
    assert error.chain == ("First", "Second", "Third", "First")
    assert str(error) == "Add would close a cycle of asks: First -> Second -> Third -> First"
    await stop_all(first, second, third)


async def test_an_actor_that_asks_itself_is_refused() -> None:
    first = First.start()
    error = await failing(ask(first, AskOn(whom=first, command=Add(n=1))))
    assert isinstance(error, AskCycle)
    assert error.chain == ("First", "First")
    await stop(first)


async def test_a_cycle_of_two_unrelated_conversations_is_found() -> None:
    first, second, gate = First.start(), Second.start(), asyncio.Event()

    async def wait_and_ask(actor: Worker) -> Any:
        await gate.wait()
        return await ask(first, Add(n=1))

    busy = asyncio.ensure_future(failing(ask(second, Do(call=wait_and_ask))))
    waiting = asyncio.ensure_future(ask(first, AskOn(whom=second, command=Add(n=2))))
    await breaths()
    gate.set()
    error = await busy
    assert isinstance(error, AskCycle)
    assert error.chain == ("Second", "First", "Second")
    assert await waiting == Add(n=2)
    await stop_all(first, second)


async def test_a_deferred_reply_that_asks_its_asker_is_a_cycle() -> None:
    first, second = First.start(), Second.start()
    call = Do(call=lambda actor: actor.later(ask(first, Add(n=1))))
    error = await failing(ask(first, AskOn(whom=second, command=call)))
    assert isinstance(error, AskCycle)
    assert error.chain == ("First", "Second", "First")
    await stop_all(first, second)


async def test_a_deferred_reply_may_ask_its_own_actor() -> None:
    ref = Worker.start()
    call = Do(call=lambda actor: actor.later(ask(actor.actor_ref, Add(n=1))))
    assert await ask(ref, call) == Add(n=1)
    await stop(ref)


async def test_a_spawned_task_may_ask_whomever_it_likes() -> None:
    log: list[Any] = []
    first, second = First.start(log), Second.start()

    async def ask_back() -> None:
        log.append(await ask(first, Add(n=1)))

    def spawn(actor: Worker) -> None:
        actor.spawn(ask_back(), name="ask_back")

    await ask(first, AskOn(whom=second, command=Do(call=spawn)))
    await breaths()
    assert log == ["start", Add(n=1), Add(n=1)]
    await stop_all(first, second)


async def test_code_that_outlives_a_handler_is_not_taken_for_it() -> None:
    first = First.start()
    outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def ask_first() -> None:
        outcome.set_result(await ask(first, Add(n=1)))

    def call_soon(actor: Worker) -> Any:
        # As a server does that is started in a handler: its callbacks inherit the context.
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, lambda: loop.create_task(ask_first()))

    async def leave_behind(actor: Worker) -> None:
        call_soon(actor)

    await ask(first, Do(call=leave_behind))
    assert await outcome == Add(n=1)
    await stop(first)


async def test_an_asker_that_gave_up_is_not_waited_for(clock: VirtualClock) -> None:
    gate = asyncio.Event()
    first, second = First.start(clock=clock), Second.start(clock=clock)

    async def wait_and_ask(actor: Worker) -> Any:
        await gate.wait()
        actor.log.append(await ask(first, Add(n=1), clock=clock))

    call = AskOn(whom=second, command=Do(call=wait_and_ask))
    waiting = asyncio.ensure_future(failing(ask(first, call, timeout=20, clock=clock)))
    await clock.advance(10)
    assert isinstance(await waiting, AskTimeout)
    gate.set()
    await stop(second)
    await stop(first)


async def test_asking_a_threading_actor_does_not_block_the_loop() -> None:
    ref = Threaded.start()
    try:
        assert await ask(ref, Add(n=1)) == 2
    finally:
        await in_thread(ref.stop)


async def test_a_threading_actor_can_ask_an_asyncio_actor() -> None:
    counter, threaded = Counter.start(), Threaded.start()
    try:
        assert await ask(threaded, AskOn(whom=counter, command=Add(n=5))) == 5
    finally:
        assert await stop(threaded)
        await stop(counter)


async def test_a_silent_threading_actor_times_out_by_name(clock: VirtualClock) -> None:
    worker, threaded, gate = Worker.start(), Threaded.start(), asyncio.Event()
    call = AskOn(whom=worker, command=Wait(until=gate))
    waiting = asyncio.ensure_future(failing(ask(threaded, call, timeout=1, clock=clock)))
    await clock.advance(1)
    assert str(await waiting) == "Threaded did not answer AskOn within 1 s"
    gate.set()
    await stop_all(threaded, worker)


async def stop_all(*refs: Any) -> None:
    for ref in refs:
        assert await stop(ref)


@pytest.mark.slow
def test_a_type_checker_knows_the_reply(tmp_path: Any) -> None:
    api = pytest.importorskip("mypy.api")
    source = tmp_path / "typed.py"
    source.write_text(
        "from typing import Any\n"
        "import pykka\n"
        "from callboard.runtime import Command, ask\n"
        "class Yes: ...\n"
        "class No: ...\n"
        "class Question(Command[Yes | No]): ...\n"
        "async def main(ref: pykka.ActorRef[Any]) -> None:\n"
        "    reveal_type(await ask(ref, Question()))\n"
    )
    output, _, _ = api.run(["--strict", str(source)])
    assert 'Revealed type is "typed.Yes | typed.No"' in output
