"""Work of one run at once: its bound, its errors, its end; and the stop of one part of it."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from callboard.batch.local_stop import LocalStop
from callboard.batch.side_by_side import side_by_side
from callboard.runners.context import StopFlag


async def given(value: int) -> int:
    return value


async def for_ever(ended: list[str], begun: asyncio.Event) -> int:
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)  # what is cancelled may take its time
        ended.append("cancelled")
    return 0


async def test_results_come_in_the_order_of_the_work() -> None:
    works = [partial(given, number) for number in range(10)]
    assert await side_by_side(works, name="test", limit=3) == [*range(10)]
    assert await side_by_side([], name="test") == []


async def test_an_error_ends_the_others_before_it_is_raised() -> None:
    ended: list[str] = []
    begun = asyncio.Event()

    async def fails() -> int:
        await begun.wait()
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await side_by_side([partial(for_ever, ended, begun), fails], name="test")
    assert ended == ["cancelled"]


async def test_an_error_keeps_what_waits_from_beginning() -> None:
    begun = asyncio.Event()

    async def fails() -> int:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await side_by_side([fails, partial(for_ever, [], begun)], name="test", limit=1)
    assert not begun.is_set()


async def test_cancelling_whoever_waits_ends_the_work() -> None:
    ended: list[str] = []
    begun = asyncio.Event()
    work = side_by_side([partial(for_ever, ended, begun)], name="test")
    task = asyncio.create_task(work)
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]


def test_a_part_stops_with_its_run() -> None:
    whole = StopFlag()
    part = LocalStop(whole)
    assert not part.is_set()
    whole.set()
    assert part.is_set()
    assert LocalStop(whole).is_set()


def test_a_part_that_is_halted_leaves_its_run_alone() -> None:
    whole = StopFlag()
    part, other = LocalStop(whole), LocalStop(whole)
    part.halt()
    assert (part.is_set(), other.is_set(), whole.is_set()) == (True, False, False)


def test_a_part_that_hears_of_the_stop_tells_its_run() -> None:
    whole = StopFlag()
    part, other = LocalStop(whole), LocalStop(whole)
    part.set()
    assert (part.is_set(), other.is_set(), whole.is_set()) == (True, True, True)
