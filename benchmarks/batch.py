"""Batch steps beside a bare asyncpg loop that does the same with checkpoints written by hand.

    python -m benchmarks.batch
    python -m benchmarks.batch --items 10000000 --rounds 1 --memory

A million items are read from a generator, made into rows and stored in chunks of 1000; each chunk
commits together with the place it has come to and with its counters. The bare loop does just that
on one connection, guards nothing and can only be watched; the engine's imperative and declarative
steps do it with their fence, stops, counters and progress. Once with COPY, which leaves an engine
the least to hide behind, once with INSERT by executemany, which is what most loops do.

They take turns in one process on one server with PostgreSQL's own defaults; a figure is the median
of the rounds. CPU is that of client and server together, and says more on a busy machine. A sample
counts only if the table has every item once.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
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

Row = tuple[int, int, str]
Write = Callable[[Any, Sequence[Row]], Awaitable[object]]


def numbers(ctx: object, after: int | None, items: int) -> Iterator[tuple[int, int]]:
    for number in range((after or 0) + 1, items + 1):
        yield number, number


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


imperative = BatchJob("imperative", LoadParams)
declarative = BatchJob("declarative", LoadParams)


@imperative.step
async def load(ctx: StepContext) -> None:
    params = ctx.params
    write = WRITES[params.write]
    async for chunk in ctx.chunks(numbers, size=params.size, args={"items": params.items}):
        rows = [row_of(number) for number in chunk]
        async with chunk as tx:
            await write(tx, rows)


async def _write(rows: Sequence[Row], tx: StepTransaction, ctx: StepContext) -> None:
    await WRITES[ctx.params.write](tx, rows)


def _numbers_of(ctx: StepContext, after: int | None) -> Iterator[tuple[int, int]]:
    return numbers(ctx, after, ctx.params.items)


declarative.add(
    ChunkStep(
        "load", read=_numbers_of, process=row_of, write=_write, size=lambda ctx: ctx.params.size
    )
)


async def by_hand(dsn: str, items: int, size: int, write: str) -> None:
    """The loop that one would write without an engine."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(CHECKPOINT)
        store = WRITES[write]
        source = numbers(None, None, items)
        reads = commits = 0
        while batch := list(islice(source, size)):
            rows = [row_of(number) for number, _ in batch]
            reads += len(batch)
            commits += 1
            async with connection.transaction():
                await store(connection, rows)
                await connection.execute(SAVE, 1, str(batch[-1][1]), reads, reads, commits)
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    wall_s: float
    cpu_s: float


async def sample(server: Server, system: str, given: argparse.Namespace, write: str) -> Sample:
    async with fresh_database(server, _databases) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(TABLE)
            if system == "by hand":
                found = await _measured(
                    server, lambda: by_hand(dsn, given.items, given.size, write)
                )
            else:
                found = await _by_engine(server, dsn, system, given, write)
            stored = await connection.fetchrow("select count(*), max(id), min(id) from item")
        finally:
            await connection.close()
    assert tuple(stored) == (given.items, given.items, 1), f"{system} stored {tuple(stored)}"
    return found


async def _by_engine(
    server: Server, dsn: str, system: str, given: argparse.Namespace, write: str
) -> Sample:
    job = {"imperative": imperative, "declarative": declarative}[system]
    async with Callboard(dsn) as board:
        await board.define(job)
        params = LoadParams(items=given.items, size=given.size, write=write)

        async def work() -> None:
            run = await board.operator.start(job.name, params)
            run = await board.wait_run(run.id)
            assert run.state == "succeeded", run.error

        return await _measured(server, work)


_databases = count()


async def _measured(server: Server, work: Callable[[], Awaitable[None]]) -> Sample:
    before, began = Reading.take(server.postmaster), time.perf_counter()
    await work()
    wall_s = time.perf_counter() - began
    span = Reading.take(server.postmaster).since(before)
    return Sample(wall_s=wall_s, cpu_s=span.client_cpu_s + (span.server_cpu_s or 0.0))


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
        print(f"{given.items:,} items in chunks of {given.size:,}, {given.rounds} rounds")
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
    bare = samples.get("by hand")
    heads = f"{'items/s':>10} {'us each':>8} {'ratio':>6} {'CPU us each':>12} {'ratio':>6}"
    print(f"\n{write:<12} {heads}")
    for system, found in samples.items():
        wall_s, cpu_s = _medians(found)
        bare_wall_s, bare_cpu_s = _medians(bare or found)
        print(
            f"{system:<12} {items / wall_s:>10,.0f} {wall_s / items * 1e6:>8.2f} "
            f"{wall_s / bare_wall_s:>6.2f} {cpu_s / items * 1e6:>12.2f} {cpu_s / bare_cpu_s:>6.2f}"
        )


def _medians(samples: Sequence[Sample]) -> tuple[float, float]:
    return (
        statistics.median(each.wall_s for each in samples),
        statistics.median(each.cpu_s for each in samples),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=1000, help="items of a chunk")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="by hand,imperative,declarative", help="of these")
    parser.add_argument("--writes", default="copy,insert", help="of these")
    parser.add_argument("--memory", action="store_true", help="print the process's memory")
    parser.add_argument("--dsn", help="of a server of yours")
    asyncio.run(main(parser.parse_args()))
