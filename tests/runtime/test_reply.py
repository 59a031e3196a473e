"""Answers that come after the handler has returned: `later` and `reply_later`."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pykka
import pytest

from callboard.runtime import AsyncioActor, Reply, ask, stop
from runtime.samples import Add, Do, Worker, breaths, failing, in_thread


async def test_the_actor_goes_on_while_a_later_reply_is_made() -> None:
    ref, gate = Worker.start(), asyncio.Event()
    slow = asyncio.ensure_future(ask(ref, Do(call=lambda actor: actor.later(gate.wait()))))
    assert await ask(ref, Add(n=1)) == Add(n=1)
    assert not slow.done()
    gate.set()
    assert await slow is True
    await stop(ref)


async def test_the_error_of_a_later_reply_goes_to_the_asker_only() -> None:
    ref = Worker.start()

    async def fail() -> None:
        raise KeyError("k")

    error = await failing(ask(ref, Do(call=lambda actor: actor.later(fail()))))
    assert isinstance(error, KeyError)
    assert ref.is_alive()
    await stop(ref)


async def test_an_error_that_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    ref = Worker.start()

    async def fail() -> None:
        raise KeyError("k")

    ref.tell(Do(call=lambda actor: actor.later(fail())))
    await breaths()
    assert "Worker failed at work that nobody waits for" in caplog.text
    assert ref.is_alive()
    await stop(ref)


async def test_a_later_reply_is_cancelled_with_its_actor() -> None:
    ref, gate = Worker.start(), asyncio.Event()
    asking = asyncio.ensure_future(
        failing(ask(ref, Do(call=lambda actor: actor.later(gate.wait()))))
    )
    await breaths()
    await stop(ref)
    assert isinstance(await asking, pykka.ActorDeadError)


async def test_a_later_reply_that_never_began_leaves_no_warning() -> None:
    ref, gate = Worker.start(), asyncio.Event()
    answer = ref.ask(Do(call=lambda actor: actor.later(gate.wait())), block=False)
    await stop(ref)  # both messages are handled in one turn
    assert isinstance(await failing(answer), pykka.ActorDeadError)


async def test_later_takes_any_awaitable() -> None:
    ref = Worker.start()
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asking = asyncio.ensure_future(ask(ref, Do(call=lambda actor: actor.later(future))))
    await breaths()
    future.set_result(7)
    assert await asking == 7
    await stop(ref)


class Committer(AsyncioActor):
    """Answers all that waits by one commit, as the job store does."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Add, Reply[int]]] = []
        self.commits = 0

    def on_start(self) -> None:
        self.due = asyncio.Event()
        self.spawn(self.commit_forever(), name="commit")

    def on_receive(self, message: Add) -> Any:
        reply: Reply[int] = self.reply_later()
        self.waiting.append((message, reply))
        self.due.set()
        return reply

    async def commit_forever(self) -> None:
        while True:
            await self.due.wait()
            self.due.clear()
            self.commit()

    def commit(self) -> None:
        self.commits += 1
        batch, self.waiting = self.waiting, []
        for message, reply in batch:
            if message.n < 0:
                reply.set_exception(ValueError("negative"))
            else:
                reply.set(message.n)

    def on_stop(self) -> None:
        self.commit()


async def test_one_commit_answers_many() -> None:
    ref = Committer.start()
    answers = await asyncio.gather(*(ask(ref, Add(n=n)) for n in range(100)))
    assert answers == list(range(100))
    assert await ref.proxy().commits < 100
    await stop(ref)


async def test_a_reply_may_be_an_error() -> None:
    ref = Committer.start()
    assert isinstance(await failing(ask(ref, Add(n=-1))), ValueError)
    await stop(ref)


async def test_on_stop_can_still_answer() -> None:
    ref = Committer.start()
    asking = asyncio.gather(*(ask(ref, Add(n=n)) for n in range(3)))
    await asyncio.sleep(0)
    await stop(ref)
    assert await asking == [0, 1, 2]


async def test_a_reply_that_is_due_when_the_actor_ends_is_refused() -> None:
    ref = Worker.start()
    asking = asyncio.ensure_future(failing(ask(ref, Do(call=lambda actor: actor.reply_later()))))
    await breaths()
    await stop(ref)
    assert isinstance(await asking, pykka.ActorDeadError)


async def test_a_reply_may_be_given_before_the_handler_returns() -> None:
    ref = Worker.start()

    def answer_at_once(actor: Worker) -> Reply[int]:
        reply = actor.reply_later()
        reply.set(7)
        reply.set(8)
        return reply

    assert await ask(ref, Do(call=answer_at_once)) == 7
    await stop(ref)


async def test_an_error_for_an_asker_who_left_is_not_complained_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ref, replies = Worker.start(), []

    def keep(actor: Worker) -> Reply[int]:
        replies.append(actor.reply_later())
        return replies[0]

    asking = asyncio.ensure_future(ask(ref, Do(call=keep)))
    await breaths()
    replies[0].set_exception(ValueError("nobody hears this"))
    asking.cancel()
    assert isinstance(await failing(asking), asyncio.CancelledError)
    del asking, replies[0]
    gc.collect()
    await stop(ref)
    assert "never retrieved" not in caplog.text


async def test_a_reply_may_be_given_by_another_thread() -> None:
    ref, replies = Worker.start(), []

    def keep(actor: Worker) -> Reply[int]:
        replies.append(actor.reply_later())
        return replies[0]

    asking = asyncio.ensure_future(ask(ref, Do(call=keep)))
    await breaths()
    await in_thread(lambda: replies[0].set(7))
    assert await asking == 7
    await stop(ref)


async def test_an_answer_may_be_any_value_even_an_error_or_a_future() -> None:
    ref = Worker.start()
    error, future = ValueError("a value"), asyncio.get_running_loop().create_future()
    assert await ask(ref, Do(call=lambda _: error)) is error
    assert await ask(ref, Do(call=lambda _: future)) is future
    await stop(ref)
