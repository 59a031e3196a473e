"""Readers: what they give, where they are, and how they find their place again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.batch.context import StepContext
from callboard.batch.reading import Reader, Reading, open_reader, reader_of
from callboard.batch.skipping import Unreadable
from callboard.batch.tally import Tally
from callboard.errors import UsageError


class Torn(Exception):
    """What sources raise here."""


async def in_place(call: Any, *args: Any) -> Any:
    return call(*args)


CONTEXT = cast(StepContext, SimpleNamespace(in_thread=in_place, log=logging.getLogger("test")))


async def opened(source: Any, cursor: Any = None, **args: Any) -> Reading:
    return await open_reader(reader_of(source), CONTEXT, cursor, args, Tally())


async def pairs(ctx: Any, after: int | None) -> AsyncIterator[tuple[int, int]]:
    for n in range((after or 0) + 1, 8):
        yield n, n


def sync_pairs(ctx: Any, after: int | None) -> Iterator[tuple[int, int]]:
    for n in range((after or 0) + 1, 8):
        yield n, n


async def items(ctx: Any) -> AsyncIterator[int]:
    for n in range(1, 8):
        yield n


def sync_items() -> Iterator[int]:
    yield from range(1, 8)


async def a_list(ctx: Any) -> list[int]:
    return [1, 2, 3, 4, 5, 6, 7]


class Stream:
    """An iterator that goes on behind what it cannot read."""

    def __init__(self, *bad: int) -> None:
        self._bad = set(bad)
        self._left = iter(range(1, 8))

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> int:
        item = next(self._left)
        if item in self._bad:
            self._bad.discard(item)
            raise Torn(item)
        return item


SOURCES = [pairs, sync_pairs, items, sync_items, a_list, range(1, 8), Stream]


@given(st.sampled_from(SOURCES[:-1]), st.integers(0, 7), st.lists(st.integers(1, 4), min_size=8))
def test_wherever_it_is_opened_the_rest_comes_once_and_in_order(
    source: Any, cursor: int, sizes: list[int]
) -> None:
    async def rest() -> list[tuple[int, Any]]:
        reading = await opened(source, cursor or None)
        taken: list[tuple[int, Any]] = []
        for size in sizes:
            some, cursors = await reading.take(size)
            assert len(some) <= size
            taken += zip(some, cursors, strict=True)
            assert reading.cursor == (taken[-1][1] if taken else cursor or None)
        await reading.close()
        return taken

    expected = [(n, n) for n in range(cursor + 1, 8)]
    assert asyncio.run(rest()) == expected[: sum(sizes)]


@pytest.mark.parametrize("source", SOURCES)
async def test_one_by_one_it_ends_with_stop_async_iteration(source: Any) -> None:
    reading = await opened(source)
    assert [await reading.read() for _ in range(7)] == [(n, n) for n in range(1, 8)]
    with pytest.raises(StopAsyncIteration):
        await reading.read()


async def test_an_error_comes_behind_the_items_before_it_and_a_generator_is_dead_then() -> None:
    async def torn(ctx: Any, after: int | None) -> AsyncIterator[tuple[int, int]]:
        yield 1, 1
        yield 2, 2
        raise Torn

    tally = Tally()
    reading = await open_reader(Reader(torn), CONTEXT, None, {}, tally)
    assert (await reading.take(5))[0] == [1, 2]
    for _ in range(2):
        with pytest.raises(Torn):
            await reading.take(5)
    assert (reading.cursor, tally.reads) == (2, 2)


async def test_an_iterator_goes_on_behind_its_error() -> None:
    reading = await opened(Stream(3))
    assert (await reading.take(5))[0] == [1, 2]
    with pytest.raises(Torn):
        await reading.take(5)
    assert (await reading.take(9))[0] == [4, 5, 6, 7]


async def test_a_restart_passes_over_what_could_not_be_read() -> None:
    reading = await opened(Stream(2), 3)
    assert (await reading.take(2))[0] == [5, 6]


async def test_unreadable_items_are_raised_in_their_turn_with_their_cursors() -> None:
    async def torn(ctx: Any, after: int | None) -> AsyncIterator[tuple[Any, int]]:
        for n in range(1, 6):
            yield (Unreadable(Torn(n), f"line {n}") if n in (2, 3) else n), 10 * n
        raise Torn("end")

    reading = await opened(torn)
    seen: list[Any] = []
    for _ in range(6):
        try:
            seen.append((await reading.take(9))[0])
        except Torn as error:
            seen.append((str(error), getattr(error, "item", None), reading.cursor))
    assert seen == [
        [1],
        ("2", "line 2", 20),
        ("3", "line 3", 30),
        [4, 5],
        ("end", None, 50),
        ("end", None, 50),
    ]


async def test_generators_are_closed_and_what_was_given_is_left_open() -> None:
    closed: list[str] = []

    def own() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append("own")

    class File(Stream):
        def close(self) -> None:
            closed.append("file")

    for source in (own, own(), File()):
        reading = await opened(source)
        await reading.take(1)
        await reading.close()
    assert closed == ["own", "own"]


def test_names_of_readers() -> None:
    assert reader_of(pairs).name == "pairs"
    assert reader_of([1]).name == "items"
    assert reader_of([1], "ones").name == "ones"
    named = Reader(pairs, name="p", save_state=False)
    assert reader_of(named) is named
    assert (reader_of(named, "q").name, reader_of(named, "q").save_state) == ("q", False)
    with pytest.raises(UsageError):
        Reader([1], name="x" * 300)


async def test_what_cannot_be_read_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="reader items: int can be read neither"):
        await opened(5)
