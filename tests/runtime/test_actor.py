"""An asyncio actor under pykka's own API: refs, futures and proxies, from the loop and threads."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pykka
import pytest

from callboard.runtime import AsyncioActor, WouldDeadlock, ask, stop, tell
from runtime.samples import Add, Counter, Do, Raise, Wait, Worker, breaths, failing, in_thread


async def test_tell_and_ask_work_on_the_loop() -> None:
    ref = Counter.start()
    ref.tell(Add(n=1))
    tell(ref, Add(n=2))
    assert await ref.ask(Add(n=3), block=False) == 6
    assert await ask(ref, Add(n=4)) == 10
    await stop(ref)


async def test_tell_and_ask_work_from_other_threads() -> None:
    ref = Counter.start()

    def talk() -> Any:
        ref.tell(Add(n=1))
        return ref.ask(Add(n=2), block=True)

    assert await in_thread(talk) == 3
    await stop(ref)


async def test_many_threads_lose_no_message() -> None:
    ref = Counter.start()

    def talk() -> None:
        for _ in range(500):
            ref.tell(Add(n=1))

    await asyncio.gather(*(in_thread(talk) for _ in range(4)))
    assert await ask(ref, Add(n=0)) == 2000
    await stop(ref)


async def test_a_blocking_ask_on_the_loop_raises_at_once() -> None:
    ref = Counter.start()
    with pytest.raises(WouldDeadlock, match="await the future"):
        ref.ask(Add(n=1))
    with pytest.raises(WouldDeadlock):
        ref.stop()
    await stop(ref)


async def test_stop_by_pykkas_ref_works_on_the_loop_and_from_threads() -> None:
    first, second = Counter.start(), Counter.start()
    assert await first.stop(block=False) is True
    assert await first.stop(block=False) is False
    assert await in_thread(second.stop) is True
    assert not second.is_alive()


async def test_an_actor_can_stop_itself() -> None:
    ref = Worker.start()
    await ask(ref, Do(call=lambda actor: actor.stop()))
    await breaths()
    assert not ref.is_alive()


async def test_messages_are_handled_one_at_a_time_in_order() -> None:
    log: list[Any] = []
    ref, gate = Worker.start(log), asyncio.Event()
    ref.tell(Wait(until=gate))
    ref.tell("after")
    await breaths()
    assert log == ["start"]
    gate.set()
    await stop(ref)
    assert log == ["start", "after", "stop"]


async def test_a_dead_actor_refuses() -> None:
    ref = Counter.start()
    await stop(ref)
    with pytest.raises(pykka.ActorDeadError):
        ref.tell(Add(n=1))
    assert isinstance(await failing(ref.ask(Add(n=1), block=False)), pykka.ActorDeadError)
    assert isinstance(await failing(ask(ref, Add(n=1))), pykka.ActorDeadError)


async def test_an_exception_under_ask_goes_to_the_asker_only() -> None:
    ref = Counter.start()
    assert repr(await failing(ask(ref, Raise(error=KeyError("k"))))) == "KeyError('k')"
    assert await ask(ref, Add(n=1)) == 1
    await stop(ref)


async def test_an_exception_under_tell_ends_an_unsupervised_actor() -> None:
    log: list[Any] = []
    ref = Worker.start(log)
    ref.tell(Raise(error=ValueError("boom")))
    await breaths()
    assert not ref.is_alive()
    assert log == ["start", "failure"]


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), BaseException("own")])
async def test_no_exception_of_one_actor_stops_the_others(error: BaseException) -> None:
    crashing, other = Worker.start(), Counter.start()
    crashing.tell(Raise(error=error))
    await breaths()
    assert not crashing.is_alive()
    assert await ask(other, Add(n=1)) == 1
    await stop(other)


async def test_plain_hooks_work_too() -> None:
    calls: list[str] = []

    class Plain(AsyncioActor):
        def on_start(self) -> None:
            calls.append("start")

        def on_stop(self) -> None:
            calls.append("stop")

    await stop(Plain.start())
    assert calls == ["start", "stop"]


async def test_an_error_in_on_stop_is_logged_and_the_actor_stops(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Untidy(AsyncioActor):
        async def on_stop(self) -> None:
            raise OSError("no")

    ref = Untidy.start()
    assert await stop(ref)
    assert "Untidy.on_stop failed" in caplog.text


async def test_a_proxy_calls_reads_and_writes() -> None:
    ref = Counter.start()
    proxy = ref.proxy()
    await ask(ref, Add(n=2))
    assert await proxy.total == 2
    assert await proxy.double() == 4
    assert await proxy.slow_double() == 8
    await in_thread(lambda: setattr(proxy, "total", 100))
    assert await in_thread(lambda: proxy.total.get()) == 100
    proxy.double.defer()
    assert await proxy.total == 200
    await stop(ref)


async def test_an_unexpected_message_is_logged_and_the_actor_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ref = Counter.start()
    with caplog.at_level(logging.WARNING):
        ref.tell("what?")
        assert await ask(ref, Add(n=1)) == 1
    assert "Counter got a message it does not know: 'what?'" in caplog.text
    await stop(ref)


async def test_a_full_mailbox_lets_the_rest_of_the_loop_go_on() -> None:
    ref = Counter.start()
    for _ in range(5_000):
        ref.tell(Add(n=1))
    turns = 0
    while not ref.actor_inbox.empty():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 5_000 // 200
    await stop(ref)


async def test_an_actor_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        await in_thread(Counter.start)
