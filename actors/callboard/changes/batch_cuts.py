"""Steps are ended by somebody else than whoever executes them: their run is lost, or has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from callboard.changes.work import Work
from callboard.domain.batch_instance import BatchInstance
from callboard.domain.batch_life import with_partitions
from callboard.domain.batch_step import StepExecution


async def store_cuts(
    work: Work, instances: Mapping[int, BatchInstance], cut: Sequence[StepExecution]
) -> None:
    """Write what has become of running steps, which are locked.

    A partitioned step counts what its partitions have done until then.
    """
    if not cut:
        return
    ended = {step.id: step for step in cut}
    for instance_id in sorted({step.instance_id for step in cut if step.plan is not None}):
        steps = await work.tx.steps_of_instance(instance_id)
        ended |= {step.id: step for step in with_partitions(ended, steps)}
    await work.tx.update_steps([*ended.values()])
    for step in ended.values():
        work.step_changed(instances[step.instance_id], step)
