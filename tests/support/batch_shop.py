"""Batch jobs whose work a test holds, fails and lets go on."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

from callboard.batch import BatchJob, Params, Partition, identifying, reference


class SettleParams(Params):
    """Of the job `settle`."""

    day: date = identifying(default=date(2026, 1, 5), next=timedelta(days=1))
    operator: str = reference(default="")


class CountParams(Params):
    """Of the job `count`."""

    n: int = identifying()
    at: datetime | None = identifying(default=None)
    note: str | None = identifying(default=None)


class Shop:
    """Nine items in chunks of three, then a report; everything in memory."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        """What chunks have committed."""
        self.reports = 0
        self.fails_at: int | None = None
        """The item whose chunk fails."""
        self.holds_at: int | None = None
        """The item whose chunk waits for `go_on`."""
        self.holds_all = False
        """Every chunk does so."""
        self.holds_report = False
        self.reached = asyncio.Event()
        """Somebody waits for `go_on`."""
        self.go_on = asyncio.Event()

    def settle(self, name: str = "settle", **fields: Any) -> BatchJob:
        """load in three chunks, then report."""
        job = BatchJob(name, params=SettleParams, **fields)

        @job.step()
        async def load(ctx: Any) -> None:
            async for chunk in ctx.chunks(range(1, 10), size=3, expected=9):
                items = list(chunk)
                await self._work(items)
                async with chunk:
                    self.rows += items
            ctx.job_state["loaded"] = len(self.rows)

        @job.step()
        async def report(ctx: Any) -> None:
            if self.holds_report:
                await self._hold()
            ctx.state["pages"] = 2
            self.reports += 1

        return job

    def count(self) -> BatchJob:
        """One tasklet, with parameters of many types and nothing that increments them."""
        job = BatchJob("count", params=CountParams)

        @job.step()
        async def only(ctx: Any) -> None:
            if self.fails_at is not None:
                raise ValueError("no luck")

        return job

    def parted(self) -> BatchJob:
        """Two partitions of three items each, in chunks of one."""
        job = BatchJob("parted")

        async def part(ctx: Any) -> None:
            first = ctx.inputs["first"]
            async for chunk in ctx.chunks(range(first, first + 3), size=1):
                items = list(chunk)
                await self._work(items)
                async with chunk:
                    self.rows += items

        def plan(ctx: Any, grid: int) -> dict[str, Any]:
            return {"low": {"first": 1}, "high": {"first": 11}}

        job.add(Partition("all", plan=plan, step=part))
        return job

    def patient(self) -> BatchJob:
        """One tasklet that goes on until it is asked to stop."""
        job = BatchJob("patient")

        @job.step()
        async def look(ctx: Any) -> None:
            while True:
                self.reached.set()
                ctx.check_stop()
                await self.turn()

        return job

    async def turn(self) -> None:
        """Let everybody else go on."""
        await asyncio.wait({asyncio.ensure_future(self.go_on.wait())}, timeout=0.01)

    def plain(self) -> BatchJob:
        """One tasklet; it declares no parameters."""
        job = BatchJob("plain")

        @job.step()
        async def only(ctx: Any) -> None:
            if self.holds_at is not None:
                await self._hold()

        return job

    async def _work(self, items: list[int]) -> None:
        if self.fails_at in items:
            raise ValueError(f"item {self.fails_at} is bad")
        if self.holds_at in items or (self.holds_all and not self.go_on.is_set()):
            await self._hold()

    async def _hold(self) -> None:
        self.reached.set()
        await self.go_on.wait()
