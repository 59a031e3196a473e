"""The tools that users' tests get."""

from __future__ import annotations

import pytest

from callboard import cron, job
from callboard.store.contract import RunFilter
from callboard.testing import virtual_board


@job()
async def load() -> None:
    pass


async def test_a_week_passes_on_a_board_in_memory():
    async with virtual_board() as (board, clock):
        await board.define(load)
        await board.schedule("nightly", cron("0 2 * * *"), load)
        await clock.advance(7 * 24 * 3600)
        assert (await board.get_trigger("default", "nightly")).firings == 7


async def test_the_same_seed_gives_the_same_runs():
    async def traces() -> list[str]:
        async with virtual_board(seed=7) as (board, clock):
            await board.define(load)
            await board.schedule("nightly", cron("0 * * * *"), load)
            await clock.advance(24 * 3600)
            return [run.trace_id for run in await board.list_runs(RunFilter())]

    assert await traces() == await traces()


@pytest.mark.slow
async def test_g33_a_simulated_year_fires_every_slot():
    async with virtual_board() as (board, clock):
        await board.define(load)
        await board.schedule("hourly", cron("7 * * * *"), load)
        await clock.advance(365 * 24 * 3600)
        assert (await board.get_trigger("default", "hourly")).firings == 365 * 24
