"""Batch jobs as in `batch_work` whose steps are more than one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from acceptance.batch_work import HELD, ITEMS, LINE, SIZE, BookParams, held, retried
from callboard.batch import (
    BatchJob,
    Flow,
    JobContext,
    JobStep,
    Partition,
    StepContext,
    decider,
    split,
)

PARTS: Final = ("east", "north", "south")

parted = BatchJob("parted", BookParams)


def by_name(ctx: StepContext, grid: int) -> dict[str, dict[str, int]]:
    return {name: {"first": ITEMS * place} for place, name in enumerate(PARTS)}


@parted.reader
async def part_numbers(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[int, int]]:
    first = ctx.inputs["first"]
    for number in range(first + 1 if after is None else after + 1, first + ITEMS + 1):
        yield number, number


async def load_part(ctx: StepContext) -> None:
    async for chunk in ctx.chunks(part_numbers, size=SIZE):
        async with chunk as tx:
            await tx.executemany(LINE, [(ctx.params.book, n) for n in chunk])
            if HELD + ctx.inputs["first"] in chunk:
                await held(ctx, f"{ctx.step}:write")


parted.add(Partition("load", plan=by_name, step=load_part, concurrency=1))

nested = BatchJob("nested", BookParams)
nested.add(JobStep("inner", job=retried, parameters=lambda ctx: ctx.params))

branched = BatchJob("branched", BookParams)


async def store(ctx: StepContext, number: int) -> None:
    """One line, however often the step is executed."""
    if ctx.state.get("is_stored"):
        return
    async with ctx.transaction() as tx:
        ctx.state["is_stored"] = True
        await tx.execute(LINE, ctx.params.book, number)
        await held(ctx, f"{ctx.step}:write")


def choose(job: JobContext) -> str:
    """Another way each time it is asked."""
    asked = Path(job.params.snares, f"{job.params.book}.asked")
    if asked.exists():
        return "right"
    asked.touch()
    return "left"


@branched.step
async def left(ctx: StepContext) -> None:
    await store(ctx, 1)


@branched.step
async def right(ctx: StepContext) -> None:
    await store(ctx, 2)


@branched.step
async def upper(ctx: StepContext) -> None:
    await store(ctx, 3)


@branched.step
async def lower(ctx: StepContext) -> None:
    await store(ctx, 4)


both = split(upper, lower, name="both")
way = decider("way", choose)
branched.flow = (
    Flow(way).on("left").to(left).on("right").to(right).at(left).next(both).at(right).next(both)
)

FLOW_JOBS: Final = (parted, nested, branched)
