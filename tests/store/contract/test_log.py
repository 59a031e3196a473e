"""Logs of runs: stored in chunks, read by line, each line once."""

import asyncio

import pytest

from callboard.domain.run import Run
from callboard.store.contract import LogChunk, LogFilter, LogLine, LogPage, Store
from support.factories import (
    NOW,
    after,
    make_chunk,
    make_end,
    make_line,
    running_run,
    stored_job,
    stored_node,
    stored_runs,
)


async def two_runs(store: Store) -> tuple[Run, Run]:
    first, second = await stored_runs(store, await stored_job(store), 2)
    return first, second


async def append(store: Store, *chunks: LogChunk) -> None:
    async with store.begin() as tx:
        await tx.append_log(chunks)


async def seqs(store: Store, run: Run, after: int = 0, limit: int = 1000) -> list[int]:
    return [line.seq for line in await store.read_log(run.id, after=after, limit=limit)]


async def test_lines_come_back_with_every_field(store: Store) -> None:
    run, _ = await two_runs(store)
    lines = (
        LogLine(seq=1, at=NOW, stream="stdout", level=None, text=""),
        LogLine(seq=2, at=after(0.000001), stream="stderr", level=None, text='"\\ \t\r\n\x1b[0m'),
        LogLine(seq=3, at=after(-9999.999999), stream="log", level="WARNING", text="ü 🎭 \u2028"),
        LogLine(seq=4, at=after(86_400 * 400), stream="log", level=None, text="x" * 100_000),
    )
    await append(store, LogChunk(run_id=run.id, lines=lines))
    assert await store.read_log(run.id, after=0, limit=9) == list(lines)


async def test_a_log_is_read_over_its_chunks_in_order(store: Store) -> None:
    run, _ = await two_runs(store)
    await append(store, make_chunk(run.id, 1, 3), make_chunk(run.id, 4, 2))
    await append(store, make_chunk(run.id, 6, 1))
    assert await seqs(store, run) == [1, 2, 3, 4, 5, 6]


async def test_a_log_is_read_from_any_line_on(store: Store) -> None:
    run, _ = await two_runs(store)
    await append(store, make_chunk(run.id, 1, 3), make_chunk(run.id, 4, 3))
    assert [await seqs(store, run, after=line) for line in range(7)] == [
        list(range(line + 1, 7)) for line in range(7)
    ]
    assert await seqs(store, run, after=99) == []


async def test_reading_ends_at_the_limit_also_within_a_chunk(store: Store) -> None:
    run, _ = await two_runs(store)
    await append(store, make_chunk(run.id, 1, 3), make_chunk(run.id, 4, 3))
    assert await seqs(store, run, limit=2) == [1, 2]
    assert await seqs(store, run, after=2, limit=3) == [3, 4, 5]
    assert await seqs(store, run, limit=0) == []


async def test_each_run_has_a_log_of_its_own(store: Store) -> None:
    first, second = await two_runs(store)
    await append(store, make_chunk(first.id, 1, 2), make_chunk(second.id, 1, 1, text="other"))
    assert await seqs(store, first) == [1, 2]
    assert await store.read_log(second.id, after=0, limit=9) == [make_line(1, text="other")]


async def test_a_run_without_a_log_has_no_lines(store: Store) -> None:
    run, _ = await two_runs(store)
    assert await seqs(store, run) == []
    await append(store)


async def test_a_chunk_that_is_sent_again_is_ignored(store: Store) -> None:
    run, other = await two_runs(store)
    chunk = make_chunk(run.id, 1, 3)
    await append(store, chunk)
    await append(store, chunk, make_chunk(run.id, 4, 1), make_chunk(other.id, 1, 1))
    assert await seqs(store, run) == [1, 2, 3, 4]
    assert await seqs(store, other) == [1]


async def test_the_first_of_two_chunks_that_begin_alike_stays(store: Store) -> None:
    run, _ = await two_runs(store)
    await append(store, make_chunk(run.id, 1, 2, text="first"))
    await append(store, make_chunk(run.id, 1, 2, text="second"))
    assert [line.text for line in await store.read_log(run.id, after=0, limit=9)] == ["first"] * 2


async def test_a_chunk_that_is_twice_in_a_call_is_stored_once(store: Store) -> None:
    run, _ = await two_runs(store)
    await append(store, make_chunk(run.id, 1, 2), make_chunk(run.id, 1, 2))
    assert await seqs(store, run) == [1, 2]


async def test_a_chunk_that_begins_within_a_stored_one_is_ignored(store: Store) -> None:
    run, _ = await two_runs(store)
    await append(store, make_chunk(run.id, 1, 4))
    await append(store, make_chunk(run.id, 3, 2, text="again"))
    lines = await store.read_log(run.id, after=0, limit=9)
    assert [line.text for line in lines] == ["line 1", "line 2", "line 3", "line 4"]


async def test_of_one_chunk_sent_by_two_at_the_same_moment_one_is_stored(
    store: Store, peer: Store
) -> None:
    run, _ = await two_runs(store)
    chunk = make_chunk(run.id, 1, 2)
    await asyncio.gather(append(store, chunk), append(peer, chunk))
    assert await seqs(store, run) == [1, 2]


async def test_the_last_line_of_each_log_is_known(store: Store) -> None:
    first, second = await two_runs(store)
    await append(store, make_chunk(first.id, 1, 3), make_chunk(first.id, 4, 2))
    async with store.begin() as tx:
        assert await tx.last_log_seqs([first.id, second.id]) == {first.id: 5}
        assert await tx.last_log_seqs([]) == {}


async def test_a_node_that_does_not_hold_the_run_adds_nothing_to_its_log(store: Store) -> None:
    run, _ = await two_runs(store)
    async with store.begin() as tx:
        await tx.append_log([make_chunk(run.id, 1)], epoch=4711)
    assert await seqs(store, run) == []
    assert run.epoch is None


async def test_the_holder_adds_to_the_log_until_the_run_has_ended(store: Store) -> None:
    run = await running_run(store, await stored_job(store), await stored_node(store))
    async with store.begin() as tx:
        await tx.append_log([make_chunk(run.id, 1)], epoch=run.epoch)
        await tx.end_runs([make_end(run)])
        await tx.append_log([make_chunk(run.id, 2)], epoch=run.epoch)
    assert await seqs(store, run) == [1]


async def test_fields_of_a_line_are_kept_beside_lines_without(store: Store) -> None:
    run, _ = await two_runs(store)
    with_fields = make_line(1, stream="log", level="INFO", fields={"rows": 3, "ü": [None, "x"]})
    await append(store, LogChunk(run_id=run.id, lines=(with_fields, make_line(2))))
    assert await store.read_log(run.id, after=0, limit=9) == [with_fields, make_line(2)]


async def searched(store: Store) -> Run:
    """A run whose log has two chunks."""
    run, other = await two_runs(store)
    first = (
        make_line(1, text="begin"),
        make_line(2, text="100% of A_b", stream="stderr"),
        make_line(3, text="slow", stream="log", level="WARNING"),
    )
    second = (
        make_line(4, text="1000 of AxB", stream="log", level="INFO"),
        make_line(5, text="broken \\ pipe", stream="log", level="ERROR"),
        make_line(6, text="end"),
    )
    await append(store, LogChunk(run_id=run.id, lines=first))
    await append(store, LogChunk(run_id=run.id, lines=second))
    await append(store, make_chunk(other.id, 1, text="of another"))
    return run


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (LogFilter(), [1, 2, 3, 4, 5, 6]),
        (LogFilter(level="WARNING"), [3, 5]),
        (LogFilter(level="DEBUG"), [3, 4, 5]),
        (LogFilter(stream="stdout"), [1, 6]),
        (LogFilter(search="BEGIN"), [1]),
        (LogFilter(search="0%"), [2]),
        (LogFilter(search="a_B"), [2]),
        (LogFilter(search="\\"), [5]),
        (LogFilter(search="of"), [2, 4]),
        (LogFilter(search="of", stream="log", level="INFO"), [4]),
        (LogFilter(search="nowhere"), []),
    ],
)
async def test_a_log_is_searched(store: Store, filter: LogFilter, found: list[int]) -> None:
    run = await searched(store)
    page = await store.search_log(run.id, filter, after=0, limit=9)
    assert [line.seq for line in page.lines] == found
    assert (page.after, page.has_more) == (6, False)
    whole = {line.seq: line for line in await store.read_log(run.id, after=0, limit=9)}
    assert list(page.lines) == [whole[seq] for seq in found]


async def test_a_search_goes_on_where_it_was(store: Store) -> None:
    run = await searched(store)
    logged = LogFilter(level="DEBUG")
    first = await store.search_log(run.id, logged, after=0, limit=2)
    assert ([line.seq for line in first.lines], first.after, first.has_more) == ([3, 4], 4, True)
    second = await store.search_log(run.id, logged, after=4, limit=2)
    assert ([line.seq for line in second.lines], second.after) == ([5], 6)


async def test_a_search_past_the_end_stays_there(store: Store) -> None:
    run = await searched(store)
    nothing = LogPage(lines=(), after=99, has_more=False)
    assert await store.search_log(run.id, LogFilter(), after=99, limit=2) == nothing
    assert (await store.search_log(run.id + 999, LogFilter(), after=0, limit=2)).after == 0
