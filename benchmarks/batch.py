"""Batch steps beside a bare asyncpg loop that does the same with checkpoints written by hand.

    python -m benchmarks.batch
    python -m benchmarks.batch --reader sync
    python -m benchmarks.batch --items 10000000 --rounds 1 --memory

A million items are read from a generator, made into rows and stored in chunks of 1000; each chunk
commits together with the place it has come to and with its counters. The bare loop does just that
on one connection, guards nothing and can only be watched; the engine's imperative and declarative
steps do it with their fence, stops, counters and progress. Once with COPY, which leaves an engine
the least to hide behind, once with INSERT by executemany, which is what most loops do.

All read the same generator. The engine reads a synchronous one (`--reader sync`) in a thread, for
it might wait, and calls the declarative step's `process` in one; the bare loop never does.

They take turns in one process on one server with PostgreSQL's own defaults. A time is the median of
the rounds; a ratio is that of the ratios to the bare loop of the same round. `whole` is from the
start of the run to its recorded end, `step` from the first read to the last commit, as the history
has it. CPU is that of client and server together, the board's own doings included, and says more on
a busy machine. A sample counts only if the table has every item once.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import count, islice
from typing import Any, Final

import asyncpg

from benchmarks.meter import Reading, rss_mb
from benchmarks.server import Server, fresh_database, opened_server
from callboard import Callboard
from callboard.batch import BatchJob, ChunkStep, Params, StepContext, StepTransaction, identifying

TABLE: Final = "create table item (id int8 primary key, cents int8 not null, note text not null)"
INSERT: Final = "insert into item (id, cents, note) values ($1, $2, $3)"
COLUMNS: Final = ("id", "cents", "note")
CHECKPOINT: Final = """
    create table checkpoint (
        id int8 primary key, cursor_value jsonb, reads int8, writes int8, commits int8
    );
    insert into checkpoint values (1, 'null', 0, 0, 0)
"""
SAVE: Final = """
    update checkpoint set cursor_value = $2::jsonb, reads = $3, writes = $4, commits = $5
    where id = $1
"""
MEMORY_S: Final = 2.0

Pair = tuple[int, int]
Row = tuple[int, int, str]
Write = Callable[[Any, Sequence[Row]], Awaitable[object]]


def numbers(ctx: object, after: int | None, items: int) -> Iterator[Pair]:
    for number in range((after or 0) + 1, items + 1):
        yield number, number


async def numbers_async(ctx: object, after: int | None, items: int) -> AsyncIterator[Pair]:
    for number in range((after or 0) + 1, items + 1):
        yield number, number


READERS: Final[dict[str, Callable[..., Any]]] = {"async": numbers_async, "sync": numbers}


def row_of(number: int) -> Row:
    return number, number * 7919 % 100_000, "an order as any other"


async def copy(connection: Any, rows: Sequence[Row]) -> None:
    await connection.copy_records_to_table("item", columns=COLUMNS, records=rows)


async def insert(connection: Any, rows: Sequence[Row]) -> None:
    await connection.executemany(INSERT, rows)


WRITES: Final[dict[str, Write]] = {"copy": copy, "insert": insert}


class LoadParams(Params):
    items: int = identifying()
    size: int = identifying()
    write: str = identifying()
    reader: str = identifying()


imperative = BatchJob("imperative", LoadParams)
declarative = BatchJob("declarative", LoadParams)


@imperative.step
async def load(ctx: StepContext) -> None:
    params = ctx.params
    read, write = READERS[params.reader], WRITES[params.write]
    async for chunk in ctx.chunks(read, size=params.size, args={"items": params.items}):
        rows = [row_of(number) for number in chunk]
        async with chunk as tx:
            await write(tx, rows)


async def _write(rows: Sequence[Row], tx: StepTransaction, ctx: StepContext) -> None:
    await WRITES[ctx.params.write](tx, rows)


def _read(ctx: StepContext, after: int | None) -> object:
    return READERS[ctx.params.reader](ctx, after, ctx.params.items)


declarative.add(
    ChunkStep("load", read=_read, process=row_of, write=_write, size=lambda ctx: ctx.params.size)
)


async def by_hand(dsn: str, given: argparse.Namespace, write: str) -> float:
    """The loop that one would write without an engine; its seconds once it is connected."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(CHECKPOINT)
        store, began = WRITES[write], time.perf_counter()
        reads = commits = 0
        async for batch in batches(given.reader, given.items, given.size):
            rows = [row_of(number) for number, _ in batch]
            reads += len(batch)
            commits += 1
            async with connection.transaction():
                await store(connection, rows)
                await connection.execute(SAVE, 1, str(batch[-1][1]), reads, reads, commits)
        return time.perf_counter() - began
    finally:
        await connection.close()


async def batches(reader: str, items: int, size: int) -> AsyncIterator[list[Pair]]:
    if reader == "sync":
        source = numbers(None, None, items)
        while batch := list(islice(source, size)):
            yield batch
        return
    batch = []
    async for pair in numbers_async(None, None, items):
        batch.append(pair)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Of one system in one round, all in seconds."""

    whole: float
    step: float
    cpu: float


async def sample(server: Server, system: str, given: argparse.Namespace, write: str) -> Sample:
    async with fresh_database(server, _databases) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(TABLE)
            if system == "by hand":
                found = await _measured(server, lambda: by_hand(dsn, given, write))
            else:
                found = await _by_engine(server, dsn, system, given, write)
            stored = await connection.fetchrow("select count(*), max(id), min(id) from item")
        finally:
            await connection.close()
    assert stored is not None
    assert tuple(stored) == (given.items, given.items, 1), f"{system} stored {tuple(stored)}"
    return found


async def _by_engine(
    server: Server, dsn: str, system: str, given: argparse.Namespace, write: str
) -> Sample:
    job = {"imperative": imperative, "declarative": declarative}[system]
    params = LoadParams(items=given.items, size=given.size, write=write, reader=given.reader)
    async with Callboard(dsn) as board:
        await board.define(job)

        async def work() -> float:
            run = await board.operator.start(job.name, params)
            run = await board.wait_run(run.id)
            assert run.state == "succeeded", run.error
            [step] = await board.operator.steps(run.id)
            assert step.ended_at is not None
            return (step.ended_at - step.started_at).total_seconds()

        return await _measured(server, work)


_databases = count()


async def _measured(server: Server, work: Callable[[], Awaitable[float]]) -> Sample:
    before = Reading.take(server.postmaster)
    step_s = await work()
    span = Reading.take(server.postmaster).since(before)
    cpu_s = span.client_cpu_s + (span.server_cpu_s or 0.0)
    return Sample(whole=span.wall_s, step=step_s, cpu=cpu_s)


async def watch_memory() -> None:
    """Print what the process has, now and then."""
    began = time.perf_counter()
    while True:
        print(f"  {time.perf_counter() - began:7.1f} s  {rss_mb():7.1f} MB", flush=True)
        await asyncio.sleep(MEMORY_S)


async def main(given: argparse.Namespace) -> None:
    systems = given.only.split(",")
    async with opened_server(given.dsn) as server:
        print(f"PostgreSQL {server.version}, a commit {server.commit_ms:.2f} ms;", end=" ")
        print(f"{given.items:,} items in chunks of {given.size:,}, {given.reader} reader;", end=" ")
        print(f"{given.rounds} rounds, {type(asyncio.get_running_loop()).__module__}")
        for write in given.writes.split(","):
            samples: defaultdict[str, list[Sample]] = defaultdict(list)
            for turn in range(given.rounds):
                for system in systems[turn % len(systems) :] + systems[: turn % len(systems)]:
                    if given.memory:
                        print(f"{system}, {write}:")
                    watch = asyncio.ensure_future(watch_memory()) if given.memory else None
                    samples[system].append(await sample(server, system, given, write))
                    if watch is not None:
                        watch.cancel()
            show(write, samples, given.items)


def show(write: str, samples: dict[str, list[Sample]], items: int) -> None:
    """Microseconds for each item, and how many times those of the bare loop that is."""
    bare = samples.get("by hand")
    measures = tuple(each.name for each in fields(Sample))
    heads = "".join(f"{name:>10}{'ratio':>7}" for name in measures)
    print(f"\n{write:<12}{'items/s':>10}{heads}")
    for system, found in samples.items():
        columns = [_column(found, bare or found, name, items) for name in measures]
        rate = items / statistics.median(each.whole for each in found)
        print(f"{system:<12}{rate:>10,.0f}{''.join(columns)}", flush=True)


def _column(found: Sequence[Sample], bare: Sequence[Sample], name: str, items: int) -> str:
    ours, theirs = ([getattr(each, name) for each in some] for some in (found, bare))
    ratio = statistics.median(our / their for our, their in zip(ours, theirs, strict=True))
    return f"{statistics.median(ours) / items * 1e6:>10.3f}{ratio:>7.2f}"


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop that all systems run on: uvloop where it is installed, unless told otherwise."""
    if name == "uvloop" or (name == "auto" and importlib.util.find_spec("uvloop") is not None):
        return importlib.import_module("uvloop").new_event_loop  # type: ignore[no-any-return]
    return None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=1000, help="items of a chunk")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="by hand,imperative,declarative", help="of these")
    parser.add_argument("--writes", default="copy,insert", help="of these")
    parser.add_argument("--reader", choices=tuple(READERS), default="async")
    parser.add_argument("--loop", choices=("auto", "uvloop", "asyncio"), default="auto")
    parser.add_argument("--memory", action="store_true", help="print the process's memory")
    parser.add_argument("--dsn", help="of a server of yours")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=loop_factory(options.loop)) as runner:
        runner.run(main(options))
