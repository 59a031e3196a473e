"""The ways out that an operator has: a batch run is given up, or declared failed; an instance is
forgotten.

Whoever works on such a run all the same finds it gone from the live runs: no step of it ends and no
chunk commits any more.
"""

from __future__ import annotations

from dataclasses import replace

from callboard.changes.batch_ends import settle_instances
from callboard.changes.stops import stop_unheld
from callboard.changes.work import Work
from callboard.commands import AbandonRun, DeleteInstance, RecoverRun
from callboard.domain.batch_instance import BatchInstance
from callboard.domain.batch_refusal import (
    abandon_refusal,
    delete_refusal,
    not_batch,
    recover_refusal,
)
from callboard.domain.run import Run, RunError
from callboard.domain.states import ON_NODE, RunEvent, RunState, advance
from callboard.errors import NotFound
from callboard.store.contract import RunEnd

RECOVERED = "Recovered"
"""Type of the error of a run that was declared failed."""


async def recover_run(work: Work, command: RecoverRun) -> Run:
    run = (await work.tx.lock_runs([command.run_id])).get(command.run_id)
    if run is None:
        raise NotFound("run", command.run_id)
    if not run.is_batch:
        raise not_batch(run.id, run.job)
    if run.has_ended:
        return run
    has_lease = run.state in ON_NODE and await work.tx.has_lease(run.epoch or 0)
    refusal = recover_refusal(run, has_lease=has_lease, is_forced=command.force)
    if refusal is not None:
        raise refusal
    return await _declared_failed(work, run, command.reason)


async def abandon_batch_run(work: Work, command: AbandonRun, run: Run) -> Run:
    """As AbandonRun, of a locked run of a batch job."""
    if run.state is RunState.ABANDONED:
        return run
    await settle_instances(work)
    instance = await _locked_instance(work, run)
    refusal = abandon_refusal(run, instance)
    if refusal is not None:
        raise refusal
    if run.state is RunState.STOPPING:
        (run,) = await stop_unheld(work, [run], "it was given up before it had stopped")
    abandoned = replace(run, state=advance(run.state, RunEvent.ABANDON))
    await work.tx.update_runs([abandoned])
    work.run_changed(abandoned)
    return abandoned


async def delete_instance(work: Work, command: DeleteInstance) -> None:
    await settle_instances(work)
    instance = (await work.tx.lock_instances([command.instance_id])).get(command.instance_id)
    if instance is None:
        raise NotFound("instance", command.instance_id)
    refusal = delete_refusal(instance)
    if refusal is not None:
        raise refusal
    await work.tx.delete_instance(instance.id)


async def _declared_failed(work: Work, run: Run, reason: str) -> Run:
    if run.state is RunState.PARKED:
        # Nobody holds it: it is queued again, and fails there, which nobody sees in between.
        run = replace(run, state=advance(run.state, RunEvent.REQUEUE), node=None, epoch=None)
        await work.tx.update_runs([run])
    event = RunEvent.REFUSE if run.state is RunState.QUEUED else RunEvent.FAIL
    error = RunError(type=RECOVERED, message=reason or "an operator declared it failed")
    state = advance(run.state, event)
    end = RunEnd(run_id=run.id, epoch=run.epoch, state=state, error=error, ended_at=work.now)
    (failed,) = await work.tx.end_runs([end])
    work.run_changed(failed)
    await settle_instances(work)
    known = await work.tx.find_batch_runs([run.id])
    if batch := known.get(run.id):
        recovered = replace(batch, recovered_at=work.now, recovery=error.message)
        await work.tx.update_batch_runs([recovered])
    return failed


async def _locked_instance(work: Work, run: Run) -> BatchInstance | None:
    if run.instance_id is None:
        return None
    return (await work.tx.lock_instances([run.instance_id])).get(run.instance_id)
