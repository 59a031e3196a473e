"""Many runs at once: parked ones released, failed ones tried again."""

from __future__ import annotations

from callboard.changes.retry_runs import check_retry, retry_locked
from callboard.changes.work import Work
from callboard.commands import RetryRuns
from callboard.domain.run import Run
from callboard.errors import RefusedError


async def retry_runs(work: Work, command: RetryRuns) -> tuple[int, ...]:
    """Ids of the runs that are queued now; of a dry run of those that would be tried."""
    ids = sorted(command.run_ids)
    found = await work.tx.lock_runs(ids)
    names = {(run.group, run.trigger) for run in found.values() if run.trigger is not None}
    if names and not command.dry_run:
        # The live ones of all their triggers now, in one order: triggers are locked one by one.
        await work.tx.lock_old_runs(sorted(names), ids)
    wanted = [found[id] for id in ids if id in found and found[id].state in command.states]
    queued: list[int] = []
    for run in await _not_retried(work, wanted):
        try:
            if command.dry_run:
                await check_retry(work, run)
                queued.append(run.id)
            else:
                queued.append((await retry_locked(work, run)).id)
        except RefusedError:
            continue
    return tuple(queued)


async def _not_retried(work: Work, runs: list[Run]) -> list[Run]:
    """Those that no further attempt follows: a failure that was made good is not tried again."""
    chains = await work.tx.chain_states([run.chain_id for run in runs if run.has_ended])
    return [run for run in runs if not run.has_ended or max(chains.get(run.chain_id, ())) == run.id]
