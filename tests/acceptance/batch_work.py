"""Batch jobs that can be held at each of their points, and what they leave in the database.

A point is held by a snare, a file of the run's `book` in the directory `snares`: whoever comes to
the point that the run's `trap` names takes the snare away, and waits there until the test says go.
The next one who comes there, in another process perhaps, finds no snare, and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from callboard.batch import (
    BatchJob,
    Chunk,
    ChunkStep,
    FileWriter,
    JobContext,
    Listener,
    Params,
    StepContext,
    StepTransaction,
    identifying,
    reference,
)

ITEMS: Final = 10
SIZE: Final = 3
HELD: Final = 5
"""The item of the second chunk, of four, at which runs are held."""
COMMITS: Final = 4
SUM: Final = sum(range(1, ITEMS + 1))
LOOK_S: Final = 0.05
# Without keys: an item that is stored twice must be seen, not refused.
TABLES: Final = """
    create schema shop;
    create table shop.line (book text not null, n int not null);
    create table shop.posting (book text not null, n int not null, cents int not null);
    create table shop.report (book text not null, lines int not null, cents int not null);
"""
LINE: Final = "insert into shop.line (book, n) values ($1, $2)"
POSTING: Final = "insert into shop.posting (book, n, cents) values ($1, $2, $3)"
REPORT: Final = """
    insert into shop.report (book, lines, cents)
    select $1, count(*), sum(cents) from shop.posting where book = $1
"""
PAGE: Final = "select n from shop.line where book = $1 and n > $2 order by n"


class BookParams(Params):
    """Of all jobs here."""

    book: str = identifying()
    trap: str = reference(default="")
    """The point where its first run is held; empty: none."""
    snares: str = reference(default="")


async def hold(arguments: Mapping[str, Any], point: str) -> None:
    """Wait here, if a snare is set."""
    if arguments["trap"] != point:
        return
    book = Path(arguments["snares"], arguments["book"])
    try:
        book.with_suffix(".set").rename(book.with_suffix(".sprung"))
    except FileNotFoundError:
        return
    while not book.with_suffix(".go").exists():  # noqa: ASYNC110 - another process says so
        await asyncio.sleep(LOOK_S)


async def held(ctx: StepContext | JobContext, point: str) -> None:
    await hold(ctx.arguments, point)


@asynccontextmanager
async def chunk_told(ctx: StepContext, chunk: Chunk) -> AsyncIterator[StepTransaction]:
    """The chunk's block; what ends it is left in a file for the test."""
    try:
        async with chunk as tx:
            yield tx
    except BaseException as error:
        leave_word(ctx, type(error).__name__)
        raise


def leave_word(ctx: StepContext, word: str) -> None:
    Path(ctx.params.snares, f"{ctx.params.book}.ended").write_text(word, "utf-8")


async def store_lines(ctx: StepContext, numbers: Any) -> None:
    """The numbers as lines of the book, in chunks, with their sum in the step's context."""
    async for chunk in ctx.chunks(numbers, size=SIZE, expected=ITEMS):
        is_it = HELD in chunk
        if is_it:
            await held(ctx, f"{ctx.step}:process")
        async with chunk_told(ctx, chunk) as tx:
            await tx.executemany(LINE, [(ctx.params.book, n) for n in chunk])
            ctx.state["sum"] = ctx.state.get("sum", 0) + sum(chunk)
            if is_it:
                await held(ctx, f"{ctx.step}:write")
        if is_it:
            await held(ctx, f"{ctx.step}:committed")
    await held(ctx, f"{ctx.step}:end")


class Holder(Listener):
    """Holds a declarative step behind its chunks and at its end, before that is stored."""

    async def after_write(self, ctx: StepContext, items: Sequence[Any], tx: Any) -> None:
        if HELD in items:
            await held(ctx, f"{ctx.step}:written")

    async def after_chunk(self, ctx: StepContext) -> None:
        if ctx.counts.writes == 2 * SIZE:
            await held(ctx, f"{ctx.step}:committed")

    async def after_step(self, ctx: StepContext, step: Any) -> None:
        await held(ctx, f"{ctx.step}:end")


def ledger(name: str, **fields: Any) -> BatchJob:
    """Numbers become lines, lines postings, postings a report; each step in another way."""
    job = BatchJob(name, BookParams, **fields)

    @job.reader
    async def numbers(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[int, int]]:
        for number in range((after or 0) + 1, ITEMS + 1):
            if number == HELD:
                await held(ctx, "load:read")
            yield number, number

    @job.step(promote=("sum",))
    async def load(ctx: StepContext) -> None:
        await store_lines(ctx, numbers)

    @job.reader
    async def lines(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[int, int]]:
        for row in await ctx.db.fetch(PAGE, ctx.params.book, after or 0):
            if row["n"] == HELD:
                await held(ctx, "settle:read")
            yield row["n"], row["n"]

    async def price(item: int, ctx: StepContext) -> tuple[int, int]:
        if item == HELD:
            await held(ctx, "settle:process")
        return item, item * ctx.job_state["sum"]

    async def post(items: Sequence[tuple[int, int]], tx: StepTransaction, ctx: StepContext) -> None:
        await tx.executemany(POSTING, [(ctx.params.book, *item) for item in items])
        if HELD in (number for number, _ in items):
            await held(ctx, "settle:write")

    job.add(
        ChunkStep("settle", read=lines, process=price, write=post, size=SIZE, listeners=[Holder()])
    )

    @job.step
    async def report(ctx: StepContext) -> None:
        if not ctx.state.get("is_written"):
            async with ctx.transaction() as tx:
                ctx.state["is_written"] = True
                await tx.execute(REPORT, ctx.params.book)
        await held(ctx, "report:end")

    @job.after
    async def finish(job: JobContext) -> None:
        await held(job, "job:end")

    return job


retried = ledger("retried")
failed = ledger("failed", on_crash="fail")
parked = ledger("parked", on_crash="park")
elsewhere = ledger("elsewhere", database="shop")

filed = BatchJob("filed", BookParams)


def plain_numbers(ctx: StepContext, after: int | None) -> Iterator[tuple[int, int]]:
    for number in range((after or 0) + 1, ITEMS + 1):
        yield number, number


def file_of(snares: str, book: str) -> Path:
    return Path(snares, f"{book}.out")


filed.add(
    ChunkStep(
        "dump",
        read=plain_numbers,
        write=FileWriter(
            lambda ctx: file_of(ctx.params.snares, ctx.params.book), encode=lambda n: f"{n}\n"
        ),
        size=SIZE,
        listeners=[Holder()],
    )
)

JOBS: Final = (retried, failed, parked, elsewhere, filed)
