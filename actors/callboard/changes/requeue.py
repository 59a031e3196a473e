"""Runs that go back to the queue as the attempt that they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from callboard.changes.completed import end_completed
from callboard.changes.stops import stop_unheld
from callboard.changes.work import Work
from callboard.commands import SnoozeRun
from callboard.domain.run import Run
from callboard.domain.run_terms import waiting_terms
from callboard.domain.states import ON_NODE, RunEvent, RunState, advance


def unheld(run: Run, state: RunState) -> Run:
    """The run in this state, in nobody's hands."""
    progress = None if state is RunState.QUEUED else run.progress
    return replace(run, state=state, node=None, epoch=None, started_at=None, progress=progress)


def queued_again(run: Run, now: datetime, due_at: datetime) -> Run:
    """The run, queued; its queue timeout begins anew."""
    queued = unheld(run, advance(run.state, RunEvent.REQUEUE))
    return replace(queued, due_at=due_at, terms=waiting_terms(run.terms, now, due_at))


async def snooze_runs(work: Work, commands: Sequence[SnoozeRun]) -> list[bool]:
    """For each command whether its claim still held the run."""
    runs = await work.tx.lock_runs(sorted({command.run_id for command in commands}))
    mine = {
        command.run_id: command.after_s
        for command in commands
        if (run := runs.get(command.run_id)) is not None
        and run.is_of_claim(command.epoch, command.started_at)
        and run.state in ON_NODE
    }
    held = await end_completed(work, [runs[run_id] for run_id in sorted(mine)])
    snoozed = [
        _snoozed(run, work.now, mine[run.id]) for run in held if run.state is RunState.RUNNING
    ]
    await work.tx.update_runs(snoozed)
    work.runs_changed(snoozed)
    await stop_unheld(work, [run for run in held if run.state is RunState.STOPPING], None)
    return [command.run_id in mine for command in commands]


def _snoozed(run: Run, now: datetime, after_s: float) -> Run:
    return replace(queued_again(run, now, now + timedelta(seconds=after_s)), error=None)
