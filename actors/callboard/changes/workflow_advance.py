"""What follows from the ends of workflow runs' runs, in the transaction that ends them.

The runs are locked first, then the jobs that may have to be started, then the rows of the workflow
runs, in the order of their ids. Of two transactions that end the last two runs of a workflow run,
the second one to get its row sees what the first one wrote: exactly one of them fires what waits
for both, and exactly one finds that nothing is live any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from callboard.changes.stops import stop_unheld
from callboard.changes.work import Work
from callboard.changes.workflow_begin import Jobs, start_actions
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.domain.workflow import WorkflowRun, WorkflowState
from callboard.domain.workflow_advance import (
    counted,
    due_triggers,
    fired,
    settled,
    waiting_triggers,
)


async def follow(work: Work) -> None:
    """A step of every transaction's end: costs nothing where no run of a workflow run changed."""
    while work.followed:
        changed = [each for each in work.followed if _matters(work, each)]
        work.followed.clear()
        if changed:
            await _advance(work, changed)


def _matters(work: Work, run: Run) -> bool:
    """Whether it ended, or was created by somebody who left the workflow run out of account."""
    return run.has_ended or (run.created_at == work.now and run.id not in work.enrolled)


async def _advance(work: Work, changed: Sequence[Run]) -> None:
    by_run: defaultdict[int, list[Run]] = defaultdict(list)
    for each in changed:
        if each.terms is not None and each.terms.workflow_run_id is not None:
            by_run[each.terms.workflow_run_id].append(each)
    ids = sorted(by_run)
    jobs = await _lock_jobs(work, await work.tx.find_workflow_runs(ids), by_run)
    for run in (await work.tx.lock_workflow_runs(ids)).values():
        await _advance_one(work, run, by_run[run.id], jobs)


async def _lock_jobs(
    work: Work, runs: Mapping[int, WorkflowRun], changed: Mapping[int, Sequence[Run]]
) -> Jobs:
    """The jobs that could have to be started: snapshots do not change, so nobody needs a lock to
    know which."""
    names: set[tuple[str, str]] = set()
    for run in runs.values():
        ended = {each.job for each in changed[run.id] if each.has_ended}
        for trigger in waiting_triggers(run):
            if not ended.isdisjoint(trigger.watched):
                names |= {(run.group, action.job) for action in trigger.actions}
    return await work.tx.lock_jobs(sorted(names)) if names else {}


async def _advance_one(
    work: Work, present: WorkflowRun, changed: Sequence[Run], jobs: Jobs
) -> None:
    run = counted(present, changed)
    for trigger in due_triggers(run):
        runs, missing = await start_actions(work, run, trigger, jobs)
        run = fired(run, trigger, [(each.job, each.id) for each in runs], missing)
    run = settled(run, work.now)
    if run != present:
        await work.tx.update_workflow_runs([run])
    if run.has_ended and not present.has_ended:
        work.workflow_run_ended(run)
    if run.state is WorkflowState.STOPPING:
        fresh = [each for each in changed if each.state is RunState.QUEUED and each.id in run.live]
        await stop_unheld(work, fresh, "its workflow run is being stopped")
