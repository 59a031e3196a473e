"""What a node tells of itself, looked at from another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from callboard.resident import resident_mb
from callboard.runners.running import RunningHandlers
from callboard.runners.vitals import NodeVitals
from runners.rig import Attempt, Rig, eventually

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def vitals_of(*attempts: Attempt, older_than_s: float = -60.0) -> NodeVitals:
    running = RunningHandlers()
    running.watch(dict(enumerate(attempt.bare for attempt in attempts)))
    return NodeVitals(
        running=running,
        resident_mb=lambda: 64.0,
        present=lambda: NOW,
        older_than_s=older_than_s,
    )


def seen(look: NodeVitals, rig: Rig) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(look, rig.clock.monotonic()).result()


def functions(seen: Any) -> list[str]:
    return [line.split()[0] for line in seen["runs"]["42"]["stack"]]


async def test_a_handler_on_the_loop_is_told_from_its_first_frame_on(rig: Rig) -> None:
    async def fetch() -> None:
        await asyncio.Event().wait()

    async def load() -> None:
        await fetch()

    attempt = rig.begin_call(load)
    await asyncio.sleep(0)
    told = seen(vitals_of(attempt), rig)
    assert (told["at"], told["rss_mb"]) == ("2026-01-01T00:00:00.000+00:00", 64.0)
    assert told["runs"]["42"]["job"] == "a-job"
    assert functions(told) == ["load", "fetch", "wait"]
    assert __file__ in told["runs"]["42"]["stack"][0]
    await attempt.abandon()


async def test_a_handler_in_a_thread_is_told_from_its_first_frame_on(rig: Rig) -> None:
    let_go = threading.Event()

    def load() -> None:
        let_go.wait(20)

    attempt = rig.begin_call(load)
    look = vitals_of(attempt)
    await eventually(lambda: "load" in functions(seen(look, rig)))
    assert functions(seen(look, rig))[0] == "load"
    let_go.set()
    await attempt.outcome()


async def test_t06_of_a_handler_that_blocks_the_loop_all_of_the_stack_is_told(rig: Rig) -> None:
    look: list[NodeVitals] = []
    told: list[Any] = []

    def hog(see: Callable[[], Any]) -> None:
        told.append(see())

    async def load() -> None:
        await asyncio.sleep(0)
        hog(lambda: seen(look[0], rig))

    attempt = rig.begin_call(load)
    look.append(vitals_of(attempt))
    await attempt.outcome()
    assert functions(told[0])[:2] == ["load", "hog"]


async def test_what_has_just_begun_is_not_told(rig: Rig) -> None:
    async def load() -> None:
        await asyncio.Event().wait()

    attempt = rig.begin_call(load)
    await asyncio.sleep(0)
    assert seen(vitals_of(attempt, older_than_s=3600.0), rig)["runs"] == {}
    await attempt.abandon()


def test_this_process_has_some_memory() -> None:
    before = resident_mb()
    ballast = b"x" * 64_000_000
    assert before + 32 < resident_mb() < before + 640
    del ballast
