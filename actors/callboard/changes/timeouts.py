"""Runs that have waited for too long."""

from __future__ import annotations

from callboard.changes.work import Work
from callboard.commands import TimeOutRuns
from callboard.domain.run import RunError
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import RunEvent, advance
from callboard.store.contract import RunEnd


async def time_out_runs(work: Work, command: TimeOutRuns) -> int:
    runs = await work.tx.lock_overdue_runs(command.limit)
    ends = [
        RunEnd(
            run_id=run.id,
            epoch=None,
            state=advance(run.state, RunEvent.TIME_OUT),
            error=_waited_error(run.terms or RunTerms()),
            ended_at=work.now,
        )
        for run in runs
    ]
    if ends:
        work.runs_changed(await work.tx.end_runs(ends))
    return len(ends)


def _waited_error(terms: RunTerms) -> RunError:
    """Of what was over first."""
    start_by, chain_until = terms.start_by, terms.chain_until
    if start_by is None or (chain_until is not None and chain_until <= start_by):
        message = "the time of its chain of attempts was over before it began"
        return RunError(type="ChainTimeout", message=message)
    timeout = "" if terms.queue_timeout_s is None else f" of {terms.queue_timeout_s:g} s"
    return RunError(type="QueueTimeout", message=f"it waited for longer than its limit{timeout}")
