"""Declarative steps of real jobs: on PostgreSQL, with its own errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from callboard import Callboard, Run
from callboard.batch import (
    BadLine,
    BatchJob,
    ChunkStep,
    FileWriter,
    Listener,
    Retry,
    Skip,
    StepContext,
    csv_rows,
)
from callboard.domain.batch_step import SkippedItem, StepCounts
from support.postgres_store import connected

TABLES = """
    create table line (
        n int primary key check (n <> 7),
        twin int unique deferrable initially deferred
    );
    create table bad (n int)
"""


@pytest.fixture
async def line(pg_board: Callboard, newest_dsn: str) -> Any:
    async with connected(newest_dsn) as connection:
        await connection.execute(TABLES)

        async def rows(table: str = "line") -> list[int]:
            found = await connection.fetch(f"select n from {table} order by n")
            return [row["n"] for row in found]

        yield rows


async def post(items: list[int], tx: Any) -> None:
    await tx.executemany("insert into line (n, twin) values ($1, $2)", [(n, n % 9) for n in items])


async def run_of(board: Callboard, *steps: ChunkStep) -> Run:
    job = BatchJob(f"job-{steps[0].name}", handler="tests:job")
    for step in steps:
        job.add(step)
    await board.define(job)
    run = await board.operator.start(job.name, {})
    return await board.operator.wait(run.id, timeout_s=30)


async def counts_of(board: Callboard, run: Run) -> StepCounts:
    (step,) = await board.operator.steps(run.id)
    return step.counts


class Quarantine(Listener):
    async def on_skip(
        self, ctx: StepContext, skipped: SkippedItem, item: Any, error: Any, tx: Any
    ) -> None:
        await tx.execute("insert into bad values ($1)", item)


async def test_rows_that_the_database_refuses_are_skipped_one_by_one(
    pg_board: Callboard, line: Any
) -> None:
    """Row 7 breaks a check; rows 9 and 10 a deferred constraint, found out at the commit."""
    step = ChunkStep(
        "load",
        read=range(12),
        write=post,
        size=4,
        skip=Skip(asyncpg.IntegrityConstraintViolationError, limit=4),
        listeners=[Quarantine()],
    )
    run = await run_of(pg_board, step)
    assert run.state == "succeeded", run.error
    assert await line() == [0, 1, 2, 3, 4, 5, 6, 8]
    assert await line("bad") == [7, 9, 10, 11]
    counts = await counts_of(pg_board, run)
    assert (counts.reads, counts.writes, counts.write_skips) == (12, 8, 4)
    assert (counts.commits, counts.rollbacks) == (9, 6)
    kept = await pg_board.operator.skipped(run_id=run.id)
    assert [each.item for each in kept] == ["7", "9", "10", "11"]
    assert "CheckViolation" in kept[0].error_type
    assert "UniqueViolation" in kept[1].error_type


async def test_a_statement_that_fails_is_tried_again_with_nothing_half_done(
    pg_board: Callboard, line: Any
) -> None:
    failures = iter([1, 1])

    async def write(items: list[int], tx: Any) -> None:
        await post(items, tx)
        if next(failures, None):
            await tx.execute("do $$ begin raise exception using errcode = '40001'; end $$")

    retry = Retry(asyncpg.SerializationError, attempts=3, backoff="exp:0.001..0.01")
    run = await run_of(pg_board, ChunkStep("load", read=range(4), write=write, retry=retry))
    assert await line() == [0, 1, 2, 3]
    assert await counts_of(pg_board, run) == StepCounts(reads=4, writes=4, commits=1, retries=2)


@pytest.mark.parametrize(("times", "written"), [(2, [0, 1, 2, 3]), (9, [])])
async def test_a_chunk_outlives_its_connection_but_not_for_ever(
    pg_board: Callboard, line: Any, times: int, written: list[int]
) -> None:
    losses = iter(range(times))

    async def write(items: list[int], tx: Any) -> None:
        await post(items, tx)
        if next(losses, None) is not None:
            await tx.execute("select pg_terminate_backend(pg_backend_pid())")

    run = await run_of(pg_board, ChunkStep("load", read=range(4), write=write))
    assert run.state == ("succeeded" if written else "failed")
    assert await line() == written
    assert (await counts_of(pg_board, run)).retries == min(times, 5)


async def test_a_statement_that_takes_too_long_fails_the_step(
    pg_board: Callboard, line: Any
) -> None:
    async def write(items: list[int], tx: Any) -> None:
        await post(items, tx)
        await tx.execute("select pg_sleep(60)")

    step = ChunkStep("load", read=range(4), write=write, transaction_timeout_s=0.2)
    run = await run_of(pg_board, step)
    assert run.state == "failed"
    assert run.error is not None
    assert run.error.type == "TimeoutError"
    assert await line() == []


async def test_a_file_is_loaded_and_another_one_written_with_each_row_once(
    pg_board: Callboard, line: Any, tmp_path: Path
) -> None:
    """The job fails in the second step's second chunk, and is restarted."""
    (tmp_path / "in.csv").write_text("n,text\n0,a\n1,b\n2\n3,d\n4,e\n")
    failures = iter([1])

    async def store(items: list[dict[str, str]], tx: Any) -> None:
        await post([int(item["n"]) for item in items], tx)

    def to_line(n: int) -> str:
        if n == 3 and next(failures, None):
            raise RuntimeError("the disk is full")
        return f"{n}\n"

    async def stored(ctx: StepContext, after: int | None) -> Any:
        async for row in ctx.db.stream(
            "select n from line where n > $1 order by n", -1 if after is None else after
        ):
            yield row["n"], row["n"]

    load = ChunkStep(
        "load", read=csv_rows(tmp_path / "in.csv"), write=store, size=2, skip=Skip(BadLine)
    )
    dump = ChunkStep(
        "dump", read=stored, write=FileWriter(tmp_path / "out", encode=to_line), size=2
    )
    first = await run_of(pg_board, load, dump)
    assert first.state == "failed"
    second = await pg_board.operator.restart(first.id)
    second = await pg_board.operator.wait(second.id, timeout_s=30)
    assert second.state == "succeeded", second.error
    assert (tmp_path / "out").read_text() == "0\n1\n3\n4\n"
    assert (await counts_of(pg_board, second)).writes == 2
