"""What follows for batch instances when runs of them are created, end, or leave their nodes.

In the transaction that does so, whichever way it comes: the engine's word, a stop in the queue, a
timeout, the rescuer, an operator. The runs are locked first, the instances behind them, in the
order of their ids. The last thing that is locked of a run are its running steps: a chunk that is
under way commits before, or not at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from callboard.changes.batch_cuts import store_cuts
from callboard.changes.work import Work
from callboard.domain.batch_instance import BatchInstance, BatchRun
from callboard.domain.batch_life import began, cut_off, ended, exited
from callboard.domain.batch_step import EXECUTING
from callboard.domain.run import Run


async def settle_instances(work: Work) -> None:
    """Let the instances know of their runs; costs nothing where no batch run changed."""
    if not work.batch_runs:
        return
    by_instance: defaultdict[int, list[Run]] = defaultdict(list)
    for run in work.batch_runs:
        if run.instance_id is not None:
            by_instance[run.instance_id].append(run)
    work.batch_runs.clear()
    instances = await work.tx.lock_instances(sorted(by_instance))
    known = await _known(work, instances, by_instance)
    await _cut_off(work, instances, by_instance, known)
    settled: list[BatchInstance] = []
    exits: dict[int, BatchRun] = {}
    for present in instances.values():
        instance = await _settled(work, present, by_instance[present.id], known, exits)
        if instance != present:
            settled.append(instance)
    if settled:
        await work.tx.update_instances(settled)
    if exits:
        await work.tx.update_batch_runs([*exits.values()])


async def release_instances(work: Work) -> None:
    """Forget what was reserved for runs that did not come to be."""
    for instance_id, draft in work.drafts.items():
        if draft.run_id:
            await work.tx.delete_instance(instance_id)
    work.drafts.clear()


async def _known(
    work: Work, instances: Mapping[int, BatchInstance], by_instance: Mapping[int, Sequence[Run]]
) -> dict[int, BatchRun]:
    """The batch runs of the runs, and of the last ones of their instances, by run id."""
    ids = {run.id for id in instances for run in by_instance[id]}
    ids |= {run.previous_run_id or 0 for id in instances for run in by_instance[id]}
    ids |= {instance.last_run_id for instance in instances.values()}
    return await work.tx.find_batch_runs(sorted(ids))


async def _cut_off(
    work: Work,
    instances: Mapping[int, BatchInstance],
    by_instance: Mapping[int, Sequence[Run]],
    known: Mapping[int, BatchRun],
) -> None:
    """End the running steps of the runs that their nodes do not have any more."""
    changes: defaultdict[int, list[Run]] = defaultdict(list)
    for instance_id in instances:
        for run in by_instance[instance_id]:
            if (batch := known.get(run.id)) is not None and batch.begun_at is not None:
                changes[run.id].append(run)
    begun = sorted({known[run_id].instance_id for run_id in changes})
    running = await work.tx.lock_running_steps(begun) if begun else []
    cut = [
        cut_off(step, changes[step.run_id], work.now) for step in running if step.run_id in changes
    ]
    await store_cuts(work, instances, cut)


async def _settled(
    work: Work,
    instance: BatchInstance,
    changed: Sequence[Run],
    known: dict[int, BatchRun],
    exits: dict[int, BatchRun],
) -> BatchInstance:
    """The instance behind the changes. New runs are stored, and `exits` has those that have an
    exit code now."""
    for run in changed:
        if run.id not in known:
            known[run.id] = _begun(work, instance, run, known)
            await work.tx.insert_batch_run(known[run.id])
            instance = began(instance, run.id)
        if run.has_ended:
            if instance.live_run_id == run.id:
                exits[run.id] = known[run.id] = exited(known[run.id], run)
            instance = ended(instance, run)
    return instance


def _begun(
    work: Work, instance: BatchInstance, run: Run, known: Mapping[int, BatchRun]
) -> BatchRun:
    """What a new run begins with: as it was prepared, or as the next attempt of the last one."""
    draft = work.drafts.pop(instance.id, None)
    if draft is not None:
        return replace(draft, run_id=run.id)
    last = known.get(instance.last_run_id)
    before = known.get(run.previous_run_id or 0) or last
    return BatchRun(
        run_id=run.id,
        instance_id=instance.id,
        arguments=run.arguments if before is None else before.arguments,
        references=() if before is None else before.references,
        context={} if last is None else last.context,
        exit_code=EXECUTING,
        definition={} if last is None else last.definition,
    )
