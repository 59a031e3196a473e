"""A look at what runs, from another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from callboard.domain.run import StopMode
from callboard.runners.running import RunningHandler, RunningHandlers
from runners.rig import Attempt, Rig, eventually


def seen_from_elsewhere(look: Callable[[], list[RunningHandler]]) -> list[RunningHandler]:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(look).result()


def running(*attempts: Attempt) -> RunningHandlers:
    handlers = RunningHandlers()
    handlers.watch(dict(enumerate(attempt.bare for attempt in attempts)))
    return handlers


def names(handler: RunningHandler) -> list[str]:
    return [frame.f_code.co_name for frame in handler.frames()]


async def test_a_handler_on_the_loop_is_seen_with_what_it_waits_for(rig: Rig) -> None:
    async def fetch_page() -> None:
        await asyncio.Event().wait()

    async def load() -> None:
        await fetch_page()

    attempt = rig.begin_call(load)
    await asyncio.sleep(0)
    (seen,) = seen_from_elsewhere(running(attempt))
    assert (seen.run_id, seen.job, seen.thread_id) == (42, "a-job", None)
    assert names(seen)[1:4] == ["load", "fetch_page", "wait"]
    await attempt.abandon()


async def test_a_handler_in_a_thread_is_seen_with_its_stack(rig: Rig) -> None:
    let_go = threading.Event()

    def load() -> None:
        let_go.wait(20)

    attempt = rig.begin_call(load)
    look = running(attempt)
    await eventually(lambda: look()[0].thread_id is not None)
    (seen,) = seen_from_elsewhere(look)
    assert "load" in names(seen)
    let_go.set()
    await attempt.outcome()


async def test_one_that_has_ended_meanwhile_has_no_frames(rig: Rig) -> None:
    async def load() -> None:
        await asyncio.Event().wait()

    attempt = rig.begin_call(load)
    await asyncio.sleep(0)
    (seen,) = running(attempt)()
    attempt.control.request_stop(StopMode.COOPERATIVE, 1)
    await attempt.outcome()
    await asyncio.sleep(0)
    assert seen.frames() == []
