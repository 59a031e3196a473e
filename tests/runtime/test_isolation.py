"""Nobody's trouble is somebody else's: boards, hosts, loops, threads in one process (A16)."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest
import uvloop

from callboard.runtime import ask, stop, supervise
from callboard.testing import VirtualClock
from runtime.samples import (
    Add,
    AskOn,
    Counter,
    Do,
    Raise,
    Threaded,
    Wait,
    Worker,
    breaths,
    failing,
    in_thread,
)


async def test_two_boards_in_one_process_do_not_touch_each_other(clock: VirtualClock) -> None:
    escalated: list[Any] = []

    def board() -> list[Any]:
        return [
            supervise(lambda: Counter(clock=clock), clock=clock, on_escalate=escalated.append)
            for _ in range(4)
        ]

    one, other = board(), board()
    for _ in range(6):
        one[0].tell(Raise(error=ValueError("boom")))
    await clock.advance(60)
    assert len(escalated) == 1
    await asyncio.gather(*(stop(ref) for ref in one))
    assert [await ask(ref, Add(n=1)) for ref in other] == [1, 1, 1, 1]
    await asyncio.gather(*(stop(ref) for ref in other))


async def test_pykkas_registry_neither_lists_nor_stops_our_actors() -> None:
    ref = Counter.start()
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is None
    await in_thread(pykka.ActorRegistry.stop_all)
    assert await ask(ref, Add(n=1)) == 1
    await stop(ref)


async def test_a_threading_actor_that_stops_all_others_does_not_reach_ours() -> None:
    ours, threaded = Counter.start(), Exiting.start()
    threaded.tell("exit")
    await in_thread(lambda: threaded.actor_stopped.wait(5))
    assert not threaded.is_alive()
    assert await ask(ours, Add(n=1)) == 1
    await stop(ours)


class Exiting(pykka.ThreadingActor):
    """Raises what makes pykka stop every actor in its registry."""

    def on_receive(self, message: Any) -> None:
        raise SystemExit


async def test_our_crash_does_not_reach_threading_actors() -> None:
    ours, threaded = Worker.start(), Threaded.start()
    ours.tell(Raise(error=SystemExit()))
    await breaths()
    assert not ours.is_alive()
    assert await ask(threaded, Add(n=1)) == 2
    assert await stop(threaded)


async def test_messages_cross_between_threading_and_asyncio_actors_both_ways() -> None:
    counter, worker, threaded = Counter.start(), Worker.start(), Threaded.start()
    there_and_back = AskOn(whom=threaded, command=AskOn(whom=counter, command=Add(n=3)))
    assert await ask(worker, there_and_back) == 3
    assert await stop(threaded)
    await stop(worker)
    await stop(counter)


async def test_a_host_that_cancels_its_task_group_leaves_the_actor_working() -> None:
    ref, gate = Worker.start(), asyncio.Event()

    async def host() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(ask(ref, Wait(until=gate), timeout=None))

    hosting = asyncio.ensure_future(host())
    await breaths()
    hosting.cancel()
    assert isinstance(await failing(hosting), asyncio.CancelledError)
    gate.set()
    assert await ask(ref, Do(call=lambda _: 1)) == 1
    await stop(ref)


async def test_an_actor_started_inside_a_cancelled_task_group_lives_on() -> None:
    refs: list[Any] = []

    async def host() -> None:
        refs.append(Counter.start())
        await asyncio.Event().wait()

    hosting = asyncio.ensure_future(host())
    await breaths()
    hosting.cancel()
    await breaths()
    assert await ask(refs[0], Add(n=1)) == 1
    await stop(refs[0])


async def test_an_actor_whose_task_is_cancelled_from_outside_stops_cleanly() -> None:
    log: list[Any] = []
    ref = Worker.start(log)
    asking = asyncio.ensure_future(failing(ask(ref, Wait(until=asyncio.Event()), timeout=None)))
    await breaths()
    next(task for task in asyncio.all_tasks() if task.get_name() == "Worker").cancel()
    assert isinstance(await asking, pykka.ActorDeadError)
    await breaths()
    assert log == ["start", "stop"]
    assert not ref.is_alive()


async def test_an_actor_cancelled_before_its_first_step_answers_its_asker() -> None:
    log: list[Any] = []
    ref = Worker.start(log)
    next(task for task in asyncio.all_tasks() if task.get_name() == "Worker").cancel()
    assert isinstance(await failing(ask(ref, Add(n=1))), pykka.ActorDeadError)
    assert log == []


async def test_an_actor_lives_as_long_as_its_ref_is_kept(clock: VirtualClock) -> None:
    log: list[Any] = []
    ref = Worker.start(log, clock=clock)
    ref.tell(Do(call=lambda actor: asyncio.Event().wait()))  # nothing else refers to this event
    await breaths()
    gc.collect()
    stopping = asyncio.ensure_future(stop(ref, deadline_s=1))
    await clock.advance(1)
    await stopping
    assert log == ["start", "stop"]


LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])


@LOOPS
def test_two_loops_one_after_another_leave_nothing_behind(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def use() -> int:
        refs = [supervise(Counter, on_escalate=lambda error: None) for _ in range(3)]
        answers = [await ask(ref, Add(n=1)) for ref in refs]
        await asyncio.gather(*(stop(ref) for ref in refs))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return sum(answers)

    threads = threading.active_count()
    for _ in range(2):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            assert runner.run(use()) == 3
    gc.collect()
    assert threading.active_count() == threads
    assert pykka.ActorRegistry.get_all() == []


@LOOPS
def test_a_host_that_ends_its_loop_without_a_stop_still_gets_on_stop(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    log: list[Any] = []

    async def use() -> Any:
        ref = supervise(lambda: Worker(log), on_escalate=lambda error: None)
        await ask(ref, Add(n=1))
        return ref

    with asyncio.Runner(loop_factory=new_loop) as runner:
        ref = runner.run(use())
    assert log == ["start", Add(n=1), "stop"]
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("hello")


@LOOPS
def test_actors_of_two_loops_in_two_threads_talk(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    started: list[Any] = []
    is_up = threading.Event()

    async def serve() -> None:
        started.append(Counter.start())
        is_up.set()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    def run(main: Any) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main)

    async def talk() -> None:
        ref = Worker.start()
        assert await ask(ref, AskOn(whom=started[0], command=Add(n=4))) == 4
        assert await stop(started[0])
        await stop(ref)

    serving = threading.Thread(target=run, args=(serve(),))
    serving.start()
    is_up.wait(5)
    run(talk())
    serving.join(5)
    assert not serving.is_alive()
