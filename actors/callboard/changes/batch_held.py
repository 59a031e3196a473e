"""The fence of what a node writes of a batch run: it holds the run, under its own epoch."""

from __future__ import annotations

from callboard.changes.work import Work
from callboard.domain.batch_instance import BatchInstance
from callboard.domain.batch_refusal import run_not_held
from callboard.domain.batch_step import StepExecution, StepState
from callboard.domain.run import Run
from callboard.domain.states import ON_NODE
from callboard.store.contract_chunks import StepNotHeld


async def held_run(work: Work, run_id: int, epoch: int) -> Run:
    """The run, locked until the commit. Raises Conflict run_not_held."""
    run = (await work.tx.lock_runs([run_id])).get(run_id)
    if run is None or run.epoch != epoch or run.state not in ON_NODE:
        raise run_not_held(run_id)
    return run


async def instance_of(work: Work, run: Run) -> BatchInstance:
    """Its instance, as it is now; not locked: as long as the run is, nobody else changes it."""
    if run.instance_id is None:
        raise run_not_held(run.id)
    instance = (await work.tx.find_instances([run.instance_id])).get(run.instance_id)
    if instance is None or instance.live_run_id != run.id:
        raise run_not_held(run.id)
    return instance


async def held_step(work: Work, step_id: int) -> StepExecution:
    """The running step, locked until the commit. Raises StepNotHeld."""
    step = await work.tx.lock_step(step_id)
    if step is None or step.state is not StepState.RUNNING:
        raise StepNotHeld(step_id)
    return step
