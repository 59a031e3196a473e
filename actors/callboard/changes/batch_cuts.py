"""Steps are ended by somebody else than whoever executes them: their run is lost, or has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from callboard.changes.work import Work
from callboard.domain.batch_instance import BatchInstance
from callboard.domain.batch_life import with_partitions
from callboard.domain.batch_step import StepCounts, StepExecution


async def store_cuts(
    work: Work, instances: Mapping[int, BatchInstance], cut: Sequence[StepExecution]
) -> None:
    """Write what has become of running steps, which are locked.

    A partitioned step counts what its partitions have done until then.
    """
    if not cut:
        return
    counts = await work.tx.partition_counts([step for step in cut if step.plan is not None])
    ended = [with_partitions(step, counts.get(step.id, StepCounts())) for step in cut]
    await work.tx.update_steps(ended)
    for step in ended:
        work.step_changed(instances[step.instance_id], step)
