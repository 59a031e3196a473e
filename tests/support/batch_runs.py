"""Batch jobs that are defined once and executed by name, by a board in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from callboard import Callboard, Run
from callboard.batch import BatchJob
from support.batch_boards import over, steps_of


@asynccontextmanager
async def a_board(*jobs: BatchJob) -> AsyncIterator[Callboard]:
    async with Callboard("memory:") as board:
        for job in jobs:
            await board.define(job)
        yield board


async def ran(board: Callboard, job: str, **parameters: Any) -> Run:
    """A run of a new instance, at its end."""
    return await over(board, await board.operator.start(job, parameters))


async def stopped(board: Callboard, run: Run) -> Run:
    """The run at its end, when it was asked to stop."""
    await board.operator.stop(run.id)
    return await over(board, run)


async def states_of(board: Callboard, run: Run) -> dict[str, str]:
    """States of the run's steps, by name; `name#visit` from the second visit on."""
    return {
        step.name + (f"#{step.visit}" if step.visit > 1 else ""): step.state.value
        for step in await steps_of(board, run)
    }
