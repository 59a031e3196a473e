"""Tasks that an actor spawns: they end with it, and it does not outlive their errors."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest

from callboard.runtime import ask, stop
from runtime.samples import Do, Wait, Worker, breaths, failing


def spawning(work: Any) -> Do:
    def spawn(actor: Worker) -> None:
        actor.spawn(work(actor), name="work")

    return Do(call=spawn)


async def test_a_spawned_task_is_cancelled_and_awaited_on_stop() -> None:
    log: list[Any] = []
    ref = Worker.start(log)

    async def work(actor: Worker) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await breaths(3)
            actor.log.append("cleaned up")

    await ask(ref, spawning(work))
    await breaths()
    await stop(ref)
    assert log == ["start", "stop", "cleaned up"]


async def test_a_task_that_never_began_leaves_no_warning() -> None:
    ref = Worker.start()

    async def work(actor: Worker) -> None:
        raise AssertionError("it should not begin")

    ref.tell(spawning(work))
    assert await stop(ref)


async def test_a_spawned_task_gives_its_result() -> None:
    ref = Worker.start()

    async def work() -> int:
        return 7

    async def spawn(actor: Worker) -> int:
        return await actor.spawn(work(), name="work")

    assert await ask(ref, Do(call=spawn)) == 7
    await stop(ref)


@pytest.mark.parametrize("error", [ValueError("boom"), SystemExit(2)])
async def test_the_error_of_a_spawned_task_is_a_crash(error: BaseException) -> None:
    log: list[Any] = []
    ref = Worker.start(log)

    async def work(actor: Worker) -> None:
        raise error

    await ask(ref, spawning(work))
    await breaths()
    assert not ref.is_alive()
    assert log == ["start", "failure"]


async def test_a_crash_cuts_off_the_running_handler_and_refuses_its_asker() -> None:
    ref, gate = Worker.start(), asyncio.Event()

    async def work(actor: Worker) -> None:
        await gate.wait()
        raise ValueError("boom")

    await ask(ref, spawning(work))
    asking = asyncio.ensure_future(failing(ask(ref, Wait(until=asyncio.Event()))))
    await breaths()
    gate.set()
    assert isinstance(await asking, pykka.ActorDeadError)
    await breaths()
    assert not ref.is_alive()


async def test_a_task_that_awaits_something_cancelled_does_not_die_in_silence() -> None:
    log: list[Any] = []
    ref = Worker.start(log)

    async def work(actor: Worker) -> None:
        lost = asyncio.get_running_loop().create_future()
        lost.cancel()
        await lost

    await ask(ref, spawning(work))
    await breaths()
    assert log == ["start", "failure"]


async def test_an_actor_may_cancel_its_own_task() -> None:
    ref = Worker.start()

    async def spawn_and_cancel(actor: Worker) -> None:
        actor.spawn(asyncio.Event().wait(), name="wait").cancel()
        await breaths()

    await ask(ref, Do(call=spawn_and_cancel))
    assert ref.is_alive()
    await stop(ref)
