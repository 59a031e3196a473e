"""Batch jobs on a virtual clock: triggers start them, and time stands still while they work."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

from callboard import Callboard, cron
from callboard.batch import BatchJob, Params, StepContext, identifying
from callboard.domain.batch_instance import InstanceState
from callboard.testing import CALM, VirtualClock


class DayParams(Params):
    day: date = identifying(by_slot=True)


async def test_a_trigger_starts_an_instance_for_each_of_its_slots() -> None:
    clock = VirtualClock()
    job = BatchJob("daily", DayParams)
    days: list[Any] = []

    @job.step
    def only(ctx: StepContext) -> None:
        days.append(ctx.params.day)

    config = replace(CALM, node_name="node-1")
    board = Callboard("memory:", config=config, clock=clock, rng=Random(1))
    await board.open()
    await clock.run_until(lambda: board.health().is_ready)
    await board.define(job)
    await board.schedule("every-day", cron("0 2 * * *"), job)
    await clock.run_until(lambda: len(days) == 3)
    await clock.settle()
    instances = await board.operator.instances("daily")
    await board.close()
    assert [day.isoformat() for day in days] == sorted({day.isoformat() for day in days})
    assert [each.parameters["day"] for each in instances] == [
        day.isoformat() for day in reversed(days)
    ]
    assert {each.state for each in instances} <= {InstanceState.SUCCEEDED, InstanceState.LIVE}
