"""The job of the story: six items in chunks of three, one number to tell its instances apart."""

from __future__ import annotations

import asyncio
from typing import Any

from callboard.batch import BatchJob, Params, identifying, reference


class RunId(Params):
    """As Spring's RunIdIncrementer has it."""

    run_id: int = identifying(next=1)
    note: str = reference(default="")


class Works:
    """What the job has done, and what holds it."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.read_from: list[int] = []
        """The first item of each execution of the step."""
        self.is_held = False
        """The first chunk waits, uncommitted, for `go_on`."""
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()


def seed_job(works: Works, name: str = "brutalizedSystemJob") -> BatchJob:
    job = BatchJob(name, params=RunId)

    @job.step("destroyStep")
    async def destroy(ctx: Any) -> None:
        is_first = True
        async for chunk in ctx.chunks(range(1, 7), size=3):
            items = list(chunk)
            if is_first:
                works.read_from.append(items[0])
                is_first = False
            if works.is_held:
                works.reached.set()
                await works.go_on.wait()
            async with chunk:
                works.written += items

    return job
