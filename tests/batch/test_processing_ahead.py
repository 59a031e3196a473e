"""A plain `process` of items that are read in a thread is called in the same hop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from callboard.batch.chunk_step import ChunkStep
from callboard.batch.skipping import Skip, Unreadable
from callboard.batch.step_life import StepEnd, begin_step, live
from support.batch_steps import Line, a_session


class Bad(Exception):
    pass


class Processor:
    """Ten times each item, unless it is bad; remembers what it was called with."""

    def __init__(self, *bad: int) -> None:
        self._bad = bad
        self.calls: list[int] = []

    def __call__(self, item: int) -> int | None:
        self.calls.append(item)
        if item in self._bad:
            raise Bad(item)
        return item * 10


def five() -> Iterator[int]:
    yield from range(1, 6)


def five_with_cursors(ctx: object, after: int | None) -> Iterator[tuple[int, int]]:
    for number in range((after or 0) + 1, 6):
        yield number, number


async def put(items: list[Any], tx: Any) -> None:
    for item in items:
        tx.connection.append(item)


async def executed(
    line: Line, read: Any, process: Callable[[int], int | None], **more: Any
) -> tuple[StepEnd, list[str]]:
    """How it ended, and the names of what was called in threads."""
    hops: list[str] = []

    async def in_thread(call: Callable[..., Any], *args: Any) -> Any:
        hops.append(call.__name__)
        return await asyncio.to_thread(call, *args)

    step = ChunkStep("step", read=read, process=process, write=put, size=2, **more)
    session = replace(a_session(line), in_thread=in_thread)
    ctx = await begin_step(session, step, step.name, 1)
    return await live(step, ctx, lambda state, code: (state, ())), hops


@pytest.mark.parametrize("read", [five, five_with_cursors])
async def test_a_chunk_is_read_and_processed_in_one_hop(read: Any) -> None:
    line, process = Line(), Processor()
    end, hops = await executed(line, read, process)
    assert line.rows == [10, 20, 30, 40, 50]
    assert process.calls == [1, 2, 3, 4, 5]
    assert (end.counts.reads, end.counts.writes, end.counts.commits) == (5, 5, 3)
    assert hops[:2] == hops[1:3]
    assert "_fill" not in hops


@pytest.mark.parametrize("bad", [(1,), (2,), (5,), (1, 2), (3, 4), (1, 2, 3, 4, 5)])
async def test_items_that_cannot_be_processed_are_skipped_and_each_is_called_once(
    bad: tuple[int, ...],
) -> None:
    line, process = Line(), Processor(*bad)
    end, _ = await executed(line, five, process, skip=Skip(Bad))
    assert line.rows == [item * 10 for item in range(1, 6) if item not in bad]
    assert process.calls == [1, 2, 3, 4, 5]
    assert end.counts.process_skips == len(bad)
    assert [each.item for each in line.skipped] == [str(item) for item in bad]


async def test_what_processing_ahead_raises_fails_the_step_before_anything_is_written() -> None:
    line = Line()
    end, _ = await executed(line, five, Processor(4))
    assert isinstance(end.error, Bad)
    assert line.rows == [10, 20]


async def test_an_item_that_cannot_be_read_is_not_processed() -> None:
    def read() -> Iterator[Any]:
        yield from (1, Unreadable(Bad("2")), 3, 4)

    line, process = Line(), Processor()
    end, _ = await executed(line, read, process, skip=Skip(Bad))
    assert line.rows == [10, 30, 40]
    assert process.calls == [1, 3, 4]
    assert end.counts.read_skips == 1


async def test_items_that_never_wait_are_processed_in_a_thread_all_the_same() -> None:
    line = Line()
    _, hops = await executed(line, [1, 2, 3], Processor())
    assert line.rows == [10, 20, 30]
    assert hops == ["_fill", "_fill"]
