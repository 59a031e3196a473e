"""The life of one partition of a step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from callboard.batch.step import Step
from callboard.batch.step_life import StepEnd, begin_step, live
from callboard.batch.tasklet import FunctionStep
from callboard.domain.batch_partitions import partition_name
from callboard.domain.json import JsonObject
from callboard.runners.context import StopFlag

if TYPE_CHECKING:
    from callboard.batch.context import StepContext


async def run_partition(
    manager: StepContext,
    name: str,
    inputs: JsonObject,
    step: Step | Callable[[StepContext], Awaitable[object]],
    stop: StopFlag | None = None,
) -> StepEnd:
    """A step execution `step:name`, from its begin to its end.

    Args:
        stop: what it is stopped by; the run's flag by default.
    """
    before = await manager.partitions()
    session = manager.session if stop is None else replace(manager.session, stop=stop)
    work = step if isinstance(step, Step) else FunctionStep(step, name="partition")
    full_name = partition_name(manager.step, name)
    ctx = await begin_step(
        session,
        work,
        full_name,
        manager.visit,
        pace=manager.pace,
        manager_id=manager.execution.id,
        is_again=name not in before.last and name in before.former,
        inputs=inputs,
    )
    return await live(work, ctx, lambda state, code: (state, ()))
