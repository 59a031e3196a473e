"""A flow with a decision, a loop, a split and partitions, on PostgreSQL: failed, stopped, restarted
until it is done; its rows are there once."""

from __future__ import annotations

from typing import Any

from callboard import Callboard
from callboard.batch import BatchJob, Flow, JobContext, Partition, StepContext, decider
from callboard.domain.states import RunState
from support.batch_boards import ran_again
from support.batch_runs import ran, states_of
from support.postgres_store import connected


def a_job(bad: set[int], rounds: list[str]) -> BatchJob:
    job = BatchJob("shop")

    async def put(ctx: StepContext, items: Any) -> None:
        async for chunk in ctx.chunks(items, size=2, name="items"):
            async with chunk as tx:
                for item in chunk:
                    await tx.execute("insert into made (item) values ($1)", item)
                if bad & {*chunk}:
                    raise ValueError(f"{min(bad & {*chunk})} is bad")

    @job.step
    async def load(ctx: StepContext) -> None:
        await put(ctx, range(100 * ctx.visit, 100 * ctx.visit + 5))

    @job.step
    async def cleanup(ctx: StepContext) -> None:
        await put(ctx, range(10, 13))

    def more(ctx: JobContext) -> str:
        return rounds.pop(0)

    def regions(ctx: StepContext, grid: int) -> Any:
        return {f"r{number}": {"first": 1000 * number} for number in range(1, grid + 1)}

    async def region(ctx: StepContext) -> None:
        await put(ctx, range(ctx.inputs["first"], ctx.inputs["first"] + 4))

    report = job.add(Partition("report", plan=regions, step=region, grid=5, concurrency=2))
    again = decider("more", more)
    flow = Flow(load).next(again).on("AGAIN").to(load)
    job.flow = flow.on("*").split(report, cleanup, name="both")
    return job


WHOLE = [*range(10, 13), *range(100, 105), *range(200, 205)] + [
    1000 * number + at for number in range(1, 6) for at in range(4)
]


async def test_what_failed_here_and_there_is_done_once_in_the_end(
    pg_board: Callboard, newest_dsn: str
) -> None:
    bad = {102, 203, 3003, 5001, 12}
    job = a_job(bad, ["AGAIN", "DONE"])
    async with connected(newest_dsn) as connection:
        await connection.execute("create table made (item int8 not null)")
    await pg_board.define(job)
    run = await ran(pg_board, "shop")
    seen = [await states_of(pg_board, run)]
    for fixed in ({102}, {203}, {3003}, {5001, 12}):
        assert run.state is RunState.FAILED
        bad -= fixed
        run = await ran_again(pg_board, run)
        seen.append(await states_of(pg_board, run))
    assert run.state is RunState.SUCCEEDED
    assert seen[0] == {"load": "failed"}
    assert seen[1] == {"load": "succeeded", "load#2": "failed"}
    assert seen[4] == {"report": "succeeded", "report:r5": "succeeded", "cleanup": "succeeded"}
    async with connected(newest_dsn) as connection:
        rows = await connection.fetch("select item from made order by item")
    assert [row["item"] for row in rows] == WHOLE
