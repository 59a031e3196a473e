"""Two boards on one PostgreSQL: one executes batch runs, the other one has not got their code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from callboard import BoardConfig, Callboard, RunState
from callboard.domain.job import Jitter, RetryPolicy
from callboard.errors import Conflict
from support.batch_shop import Shop
from support.postgres_store import seen

DAY = {"day": date(2026, 1, 5)}
CONFIG = BoardConfig(poll_s=0.2, drain_s=0.0)


@asynccontextmanager
async def boards(dsn: str) -> AsyncIterator[tuple[Callboard, Callboard]]:
    """The one that executes, and the other one."""
    async with Callboard(dsn, config=replace(CONFIG, node_name="worker")) as worker:
        desk = replace(CONFIG, node_name="desk", executes=False)
        async with Callboard(dsn, config=desk) as other:
            yield worker, other


async def test_a_stop_by_another_node_is_honoured_at_the_chunk(newest_dsn: str):
    """Cases 28, 38 and 41."""
    shop = Shop()
    shop.holds_at = 5
    async with boards(newest_dsn) as (worker, desk):
        await worker.define(shop.settle())
        operator = desk.operator
        run = await operator.start("settle", DAY)
        await shop.reached.wait()
        stopping = await operator.stop(run.id)
        assert stopping.state is RunState.STOPPING
        assert (await operator.stop(run.id)).state is RunState.STOPPING
        with pytest.raises(Conflict) as refusal:
            await operator.restart(run.id)
        assert refusal.value.code == "run_already_running"
        shop.holds_at = None
        shop.go_on.set()
        assert (await operator.wait(run.id)).state is RunState.STOPPED
        assert shop.rows == [1, 2, 3, 4, 5, 6]
        again = await operator.wait((await operator.restart(run.id)).id)
        assert again.state is RunState.SUCCEEDED
        assert shop.rows == [*range(1, 10)]
        assert (await operator.totals(again.instance_id or 0)).counts.writes == 9


async def test_a_stopping_run_is_given_up_by_another_node_and_its_chunk_is_lost(
    newest_dsn: str,
):
    """Case 71."""
    shop = Shop()
    shop.holds_at = 5
    async with boards(newest_dsn) as (worker, desk):
        await worker.define(shop.settle())
        run = await desk.operator.start("settle", DAY)
        await shop.reached.wait()
        await desk.operator.stop(run.id)
        abandoned = await desk.operator.abandon(run.id)
        assert abandoned.state is RunState.ABANDONED
        shop.go_on.set()
        (step,) = await desk.operator.steps(run.id)
        await seen(lambda: _is_idle(worker))
        assert await desk.operator.step(step.id) == step
        assert (step.state, step.counts.writes) == ("stopped", 3)
        assert (await desk.get_run(run.id)).state is RunState.ABANDONED


async def test_a_failed_run_is_tried_again_by_its_jobs_policy_where_it_got_to(newest_dsn: str):
    shop = Shop()
    shop.fails_at = 5
    retry = RetryPolicy(max_attempts=2, initial_s=0.05, jitter=Jitter.NONE)
    async with boards(newest_dsn) as (worker, desk):
        await worker.define(shop.settle(retry=retry))
        run = await desk.operator.start("settle", DAY)
        assert (await desk.operator.wait(run.id)).state is RunState.FAILED
        shop.fails_at = None
        instance = await desk.operator.instance(run.instance_id or 0)
        again = await desk.operator.wait(instance.live_run_id or instance.last_run_id)
        assert (again.state, again.attempt) == (RunState.SUCCEEDED, 2)
        assert shop.rows == [*range(1, 10)]


async def _is_idle(worker: Any) -> bool:
    return not worker._actors["executor"]._actor_weakref()._places.held
