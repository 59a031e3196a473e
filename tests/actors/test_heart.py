"""The heart's thread, and the watch over a loop that does not turn. In real time, but not by it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callboard.clock import SystemClock
from callboard.domain.json import JsonObject
from callboard.errors import StoreUnavailable
from callboard.events import LoopBlocked
from callboard.heart import NAME, Heart, Stopped
from callboard.loop_watch import LoopGone, LoopWatch
from callboard.pulse import GivenUp, Renewed
from callboard.runners.context import RunContext
from callboard.runners.coroutine import _call_in_run
from callboard.store.contract import Renewal
from callboard.testing import VirtualClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE_S = 20.0


class ThreadLine:
    """Answers in the heart's thread; `interrupt` frees a renewal that hangs."""

    def __init__(self) -> None:
        self.hangs = False
        self.raises: Exception | None = None
        self.renewed = 0
        self.closed_in: list[str] = []
        self._interrupted = threading.Event()

    def renew(
        self, epoch: int, lease: timedelta, vitals: JsonObject | None, *, deadline_s: float
    ) -> Renewal | None:
        if self.raises is not None:
            raise self.raises
        if self.hangs:
            self._interrupted.wait(PATIENCE_S)
            raise StoreUnavailable("interrupted")
        self.renewed += 1
        return Renewal(now=NOW, lease_until=NOW + lease, live_nodes=1, stopping=())

    def interrupt(self) -> None:
        self._interrupted.set()

    def close(self) -> None:
        self.closed_in.append(threading.current_thread().name)


@asynccontextmanager
async def beating(
    line: ThreadLine | None, told: list[Any], *, lease_s: float = 0.4, warn_s: float = 0.1
) -> AsyncIterator[Heart]:
    heart = Heart(
        line=line,
        post=told.append,
        lease=timedelta(seconds=lease_s),
        block_warn_s=warn_s,
        block_limit_s=3600.0,
        vitals=lambda _: None,
        clock=SystemClock(),
    )
    try:
        yield heart
    finally:
        await heart.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - another thread decides when
            await asyncio.sleep(0.005)


def hearts() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == NAME]


async def test_a_heart_renews_what_it_is_told_to_until_it_is_closed() -> None:
    line, told = ThreadLine(), list[Any]()
    async with beating(line, told) as heart:
        assert heart.keeps_leases
        heart.begin(7, asked_at=SystemClock().monotonic())
        await until(lambda: len(told) >= 3)
    assert {each.epoch for each in told if isinstance(each, Renewed)} == {7}
    assert line.closed_in == [NAME]
    assert hearts() == []


async def test_a_heart_that_rests_renews_nothing() -> None:
    line, told = ThreadLine(), list[Any]()
    async with beating(line, told) as heart:
        heart.begin(7, asked_at=SystemClock().monotonic(), at_once=True)
        await until(lambda: bool(told))
        heart.rest()
        heart.begin(8, asked_at=SystemClock().monotonic(), at_once=True)
        await until(lambda: told[-1].epoch == 8)
        heart.rest()
    assert [each.epoch for each in told] == sorted(each.epoch for each in told)


async def test_a_heart_whose_renewal_hangs_is_closed_at_once() -> None:
    line, told = ThreadLine(), list[Any]()
    line.hangs = True
    async with beating(line, told, lease_s=3600.0) as heart:
        heart.begin(7, asked_at=SystemClock().monotonic(), at_once=True)
    assert hearts() == []
    assert line.closed_in == [NAME]


async def test_h07_a_lease_that_cannot_be_renewed_is_given_up_by_the_thread() -> None:
    line, told = ThreadLine(), list[Any]()
    line.raises = StoreUnavailable("away")
    async with beating(line, told) as heart:
        heart.begin(7, asked_at=SystemClock().monotonic())
        await until(lambda: bool(told))
    (given_up,) = told
    assert isinstance(given_up, GivenUp)
    assert (given_up.epoch, "away" in given_up.reason) == (7, True)


async def test_a_heart_that_breaks_says_so_and_ends() -> None:
    line, told = ThreadLine(), list[Any]()
    line.raises = ZeroDivisionError("a bug")
    async with beating(line, told) as heart:
        heart.begin(7, asked_at=SystemClock().monotonic(), at_once=True)
        await until(lambda: bool(told))
    assert told == [Stopped(reason="ZeroDivisionError: a bug")]
    assert hearts() == []


async def test_t06_a_lease_is_renewed_while_the_loop_is_blocked() -> None:
    line, told = ThreadLine(), list[Any]()
    async with beating(line, told, lease_s=0.2) as heart:
        heart.begin(7, asked_at=SystemClock().monotonic())
        await until(lambda: line.renewed > 0)
        before = line.renewed
        deadline = time.monotonic() + PATIENCE_S
        while line.renewed < before + 8 and time.monotonic() < deadline:
            time.sleep(0.01)  # noqa: ASYNC251 - the fault that is tested
        assert line.renewed >= before + 8
    assert not [each for each in told if isinstance(each, GivenUp)]


def test_a_loop_that_is_closed_under_its_heart_ends_it() -> None:
    line, told = ThreadLine(), list[Any]()

    async def forget() -> None:
        Heart(
            line=line,
            post=told.append,
            lease=timedelta(seconds=60),
            block_warn_s=0.04,
            block_limit_s=60.0,
            vitals=lambda _: None,
            clock=SystemClock(),
        )

    asyncio.run(forget())
    for thread in threading.enumerate():
        if thread.name == NAME:
            thread.join(PATIENCE_S)
    assert hearts() == []
    assert line.closed_in == [NAME]


# the watch


class WatchStage:
    """A watch by a clock that the test moves; the test's own loop is the one that is watched."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.freed: list[LoopBlocked] = []
        self.watch = LoopWatch(warn_s=1.0, on_freed=self.freed.append, clock=self.clock)

    def look(self, at: float) -> float:
        self.clock._monotonic = at
        return self.watch.look(at)


async def turn() -> None:
    await asyncio.sleep(0)


async def test_a_loop_that_turns_is_not_blocked() -> None:
    stage = WatchStage()
    for at in (0.0, 5.0, 10.0):
        assert stage.look(at) == 0.0
        await turn()
    assert stage.freed == []


async def test_t06_whoever_blocks_is_named_again_and_again_and_told_of_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = WatchStage()
    output: Any = None
    context = RunContext(run_id=7, job="report", group="g", output=output)

    def hog() -> None:
        for at in (0.0, 0.9, 1.1, 2.0, 11.2, 12.0, 60.0):
            stage.look(at)

    stage.look(0.0)
    await _call_in_run(hog, context, Attempt())  # type: ignore[arg-type]
    await turn()
    stage.clock._monotonic = 60.5
    assert stage.look(60.5) == 0.0
    named = [each for each in caplog.records if getattr(each, "event", "") == "loop.blocked"]
    facts = [(each.run_id, each.job, each.blocked_s) for each in named]  # type: ignore[attr-defined]
    assert facts == [(7, "report", 1.1), (7, "report", 11.2), (7, "report", 60.0)]
    assert "run 7 of 'report' has blocked the event loop for 1.1 s; it is in" in caplog.text
    assert "hog (" in caplog.text
    (freed,) = stage.freed
    assert (freed.run_id, freed.job) == (7, "report")
    assert freed.blocked_s == 60.0


class Attempt:
    """Stands in for an attempt: takes the end of it."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


async def test_code_that_is_no_handlers_is_shown_by_its_stack(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = WatchStage()
    stage.look(0.0)
    assert stage.look(2.5) == 2.5
    assert "something has blocked the event loop for 2.5 s" in caplog.text
    assert sys._getframe().f_code.co_name in caplog.text
    await turn()
    stage.look(3.0)
    assert [(each.run_id, each.job) for each in stage.freed] == [(None, None)]


async def test_a_short_block_is_nobodys_concern() -> None:
    stage = WatchStage()
    stage.look(0.0)
    assert stage.look(0.9) == 0.9
    await turn()
    stage.look(1.0)
    assert stage.freed == []


async def test_h02_a_process_that_stood_still_blames_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = WatchStage()
    stage.look(0.0)
    stage.watch.forgive(60.0)
    assert stage.look(60.5) == 0.5
    assert caplog.text == ""


def test_a_loop_that_was_closed_is_gone() -> None:
    async def make() -> WatchStage:
        return WatchStage()

    stage = asyncio.run(make())
    with pytest.raises(LoopGone):
        stage.look(0.0)
