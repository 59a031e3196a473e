"""Declarative steps: what is read, processed, written and counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from callboard.batch.chunk_step import ChunkStep
from callboard.batch.context import StepContext
from callboard.domain.batch_step import StepCounts, StepState
from callboard.errors import InvalidInput
from callboard.testing import VirtualClock
from support.batch_steps import Line, execute
from support.boards import meanwhile


async def put(items: list[Any], tx: Any) -> None:
    for item in items:
        tx.connection.append(item)


def a_step(items: Any, **more: Any) -> ChunkStep:
    return ChunkStep("step", **{"read": items, "write": put, "size": 2, **more})


async def counts_of(items: Any, **more: Any) -> StepCounts:
    end = await execute(a_step(items, **more))
    assert end.state is StepState.SUCCEEDED, end.error
    return end.counts


# counts


async def test_88_an_empty_trailing_chunk_is_no_commit() -> None:
    assert await counts_of(range(4)) == StepCounts(reads=4, writes=4, commits=2)


async def test_89_an_empty_source_counts_nothing() -> None:
    assert await counts_of([]) == StepCounts()


@pytest.mark.parametrize(("size", "commits"), [(1, 5), (2, 3), (5, 1), (6, 1)])
async def test_b24_counts_are_exact_at_every_size(size: int, commits: int) -> None:
    counts = await counts_of(range(5), size=size)
    assert counts == StepCounts(reads=5, writes=5, commits=commits)


async def test_the_cursor_and_the_rows_commit_chunk_by_chunk() -> None:
    line = Line()
    await execute(a_step(range(5)), line)
    assert [next(iter((each.cursor or {}).values())) for each in line.checkpoints] == [2, 4, 5]
    assert line.rows == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_109_a_chunk_whose_items_are_all_filtered_counts_them_exactly(
    concurrency: int,
) -> None:
    counts = await counts_of(range(10), process=lambda item: None, concurrency=concurrency)
    assert counts == StepCounts(reads=10, filters=10, commits=5)


async def test_a_writer_is_not_called_for_nothing() -> None:
    calls: list[Any] = []
    step = a_step(range(4), process=lambda i: i if i > 1 else None, write=calls.append)
    await execute(step)
    assert calls == [[2, 3]]


async def test_91_a_processor_that_raises_fails_the_step_before_anything_is_written() -> None:
    line = Line()

    async def refuse(item: int) -> int:
        raise ValueError("no")

    end = await execute(a_step(range(4), process=refuse), line)
    assert isinstance(end.error, ValueError)
    assert end.counts == StepCounts(reads=2, rollbacks=1)
    assert line.rows == line.checkpoints == []


async def test_b07_a_writer_that_fails_leaves_the_chunks_before_and_a_restart_goes_on() -> None:
    line, bad = Line(), {5}

    async def write(items: list[int], tx: Any) -> None:
        await put(items, tx)
        if bad & set(items):
            raise ValueError("5")

    end = await execute(a_step(range(1, 10), size=3, write=write), line)
    assert end.state is StepState.FAILED
    assert end.counts == StepCounts(reads=6, writes=3, commits=1, rollbacks=1)
    assert (line.cursor, line.rows) == (3, [1, 2, 3])

    bad.clear()
    end = await execute(a_step(range(1, 10), size=3, write=write), line)
    assert end.counts == StepCounts(reads=6, writes=6, commits=2)
    assert line.rows == [*range(1, 10)]


async def test_b08_a_chunk_whose_commit_fails_is_not_counted_as_written() -> None:
    line = Line()

    def refuse(rows: list[Any]) -> None:
        raise RuntimeError("deferred constraint")

    line.at_commit = refuse
    end = await execute(a_step(range(4)), line)
    assert isinstance(end.error, RuntimeError)
    assert end.counts == StepCounts(reads=2, rollbacks=1)
    line.at_commit = lambda rows: None
    await execute(a_step(range(4)), line)
    assert line.rows == [0, 1, 2, 3]


# functions of every shape


async def async_pairs(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[int, int]]:
    for item in range(after or 0, 5):
        yield item, item + 1


def sync_pairs(ctx: StepContext, after: int | None) -> Iterator[tuple[int, int]]:
    for item in range(after or 0, 5):
        yield item, item + 1


def one_of(item: int) -> int:
    return item * 10


def two_of(item: int, ctx: StepContext) -> int:
    assert ctx.step == "step"
    return item * 10


async def one_async(item: int) -> int:
    await asyncio.sleep(0)
    return item * 10


async def two_async(item: int, ctx: StepContext) -> int:
    return two_of(item, ctx)


def with_rate(item: int, rate: int = 10) -> int:
    return item * rate


class Priced:
    async def __call__(self, item: int) -> int:
        return item * 10


@pytest.mark.parametrize("concurrency", [1, 2, 9])
@pytest.mark.parametrize("read", [range(5), async_pairs, sync_pairs, lambda: iter(range(5))])
@pytest.mark.parametrize(
    "process",
    [one_of, two_of, one_async, two_async, with_rate, Priced(), lambda item: one_async(item)],
)
async def test_items_stay_in_their_order_whatever_calls_them(
    read: Any, process: Callable[..., Any], concurrency: int
) -> None:
    line = Line()
    step = a_step(read, process=process, size=3, concurrency=concurrency)
    end = await execute(step, line)
    assert end.error is None
    assert line.rows == [0, 10, 20, 30, 40]


async def test_no_more_items_are_processed_at_once_than_was_said() -> None:
    now, most = [0], [0]

    async def process(item: int) -> int:
        now[0] += 1
        most[0] = max(most[0], now[0])
        for _ in range(item % 3 + 1):
            await asyncio.sleep(0)
        now[0] -= 1
        return item

    line = Line()
    await execute(a_step(range(20), process=process, size=20, concurrency=4), line)
    assert most == [4]
    assert line.rows == [*range(20)]


async def test_one_that_fails_ends_the_others_of_its_chunk() -> None:
    ended: list[int] = []

    async def process(item: int) -> int:
        if item == 1:
            raise ValueError
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(item)
        return item

    end = await execute(a_step(range(3), process=process, size=3, concurrency=3))
    assert isinstance(end.error, ValueError)
    assert sorted(ended) == [0, 2]
    assert end.counts == StepCounts(reads=3, rollbacks=1)


async def test_plain_functions_are_called_in_a_thread_once_for_a_chunk() -> None:
    threads: list[int] = []

    def process(item: int) -> int:
        threads.append(threading.get_ident())
        return item

    def write(items: list[int]) -> None:
        threads.append(threading.get_ident())

    end = await execute(a_step(range(4), process=process, write=write))
    assert end.counts.writes == 4
    assert threading.get_ident() not in threads


async def test_a_function_that_raises_stop_iteration_fails_the_step() -> None:
    nothing: Iterator[int] = iter(())
    end = await execute(a_step(range(4), process=lambda item: next(nothing)))
    assert end.error is not None
    assert isinstance(end.error.__cause__, StopIteration)


async def test_a_writer_may_take_the_context_too_and_change_its_items() -> None:
    async def write(items: list[int], tx: Any, ctx: StepContext) -> None:
        ctx.state["seen"] = ctx.state.get("seen", 0) + len(items)
        items.clear()

    line = Line()
    end = await execute(a_step(range(3), write=write), line)
    assert end.counts.writes == 3
    assert line.checkpoint.context == {"seen": 3}


async def test_the_size_and_what_is_expected_may_depend_on_the_run() -> None:
    step = a_step(range(5), size=lambda ctx: ctx.visit + 2, expected=lambda ctx: 5)
    end = await execute(step)
    assert end.counts.commits == 2
    assert end.execution.expected == 5


# a stop, and time


async def test_b01_b02_a_stop_ends_at_the_boundary_and_a_restart_goes_on_behind_it() -> None:
    line = Line()

    async def write(items: list[int], tx: Any) -> None:
        line.stop.set()
        await put(items, tx)

    end = await execute(a_step(range(1, 10), size=3, write=write), line)
    assert end.state is StepState.STOPPED
    assert line.rows == [1, 2, 3]
    line.stop = type(line.stop)()
    end = await execute(a_step(range(1, 10), size=3), line)
    assert (end.counts.reads, line.rows) == (6, [*range(1, 10)])


async def test_a_transaction_that_takes_too_long_fails_the_step() -> None:
    clock, line = VirtualClock(), Line()

    async def write(items: list[int], tx: Any) -> None:
        await clock.sleep_until(clock.monotonic() + 60)

    step = a_step(range(4), write=write, transaction_timeout_s=2.5)
    end = await meanwhile(clock, execute(step, line, clock=clock))
    assert isinstance(end.error, TimeoutError)
    assert str(end.error) == "the transaction took longer than 2.5 s"
    assert end.counts == StepCounts(reads=2, rollbacks=1)
    assert clock.monotonic() == 2.5


# definitions


def keyword_only(item: int, *, rate: int) -> None: ...


def too_many(items: list[int], tx: Any, ctx: Any, more: Any) -> None: ...


def in_wrong_order(items: list[int], ctx: Any) -> None: ...


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": 0}, "size: is 0, not a number from 1 to 1000000"),
        ({"size": True}, "size: is True"),
        ({"size": "3"}, "size: is '3'"),
        ({"concurrency": 0}, "concurrency: is 0"),
        ({"concurrency": 1001}, "concurrency: is 1001, not a number from 1 to 1000"),
        ({"skip": ValueError}, r"skip: is .*, no Skip \(write skip=Skip\(...\)\)"),
        ({"retry": 3}, r"retry: is 3, no Retry \(write retry=Retry"),
        ({"transaction_timeout_s": 0}, "transaction_timeout_s: is 0"),
        ({"transaction_timeout_s": "5"}, "transaction_timeout_s: is '5', no number of seconds"),
        ({"process": 5}, r"process: is 5, which cannot be called \(give a function of \(item\)"),
        ({"process": keyword_only}, r"process: takes \(item, rate\), not \(item\) or \(item, ctx"),
        ({"process": lambda: 1}, r"process: takes \(\), not \(item\) or \(item, ctx\)"),
        ({"write": too_many}, r"write: takes \(items, tx, ctx, more\), not \(items\) or \(items,"),
        ({"write": in_wrong_order}, "write: .*would get its tx as ctx"),
        ({"listeners": ["x"]}, r"listeners\[0\]: is 'x', no Listener"),
        ({"name": "a:b"}, "name: 'a:b' is not a name"),
    ],
)
def test_a_wrong_definition_names_the_argument(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        ChunkStep(**{"name": "step", "read": [], "write": put, **given})


def test_what_else_a_function_needs_is_given_by_partial() -> None:
    step = a_step([], process=partial(keyword_only, rate=2), write=[].extend)
    assert step.process is not None
    assert step.process.takes == 1


def test_the_spec_tells_kind_and_size() -> None:
    assert a_step([], start_limit=3).spec() == {
        "name": "step",
        "kind": "chunk",
        "size": 2,
        "start_limit": 3,
    }
    assert "size" not in a_step([], size=lambda ctx: 5).spec()
