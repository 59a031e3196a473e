"""Stopping runs: at once where they wait, by a request to their node where they are worked on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from callboard.changes.work import Work
from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.states import ON_NODE, RunEvent, RunState, advance
from callboard.store.contract import RunEnd

STOP_GRACE_S: Final = 30.0
"""Of a run that is stopped without anybody saying how long it may take. A batch run takes as long
as its chunk does."""


async def stop_unheld(
    work: Work, runs: Sequence[Run], reason: str | None, *, type: str = "Stopped"
) -> list[Run]:
    """End locked runs that no node works on; `reason` becomes their error, None keeps it."""
    error = None if reason is None else RunError(type=type, message=reason)
    ends = [
        RunEnd(
            run_id=run.id,
            epoch=run.epoch,
            state=advance(run.state, RunEvent.STOP),
            error=error or run.error,
            ended_at=work.now,
        )
        for run in runs
    ]
    stopped = await work.tx.end_runs(ends)
    work.runs_changed(stopped)
    return stopped


async def request_stops(
    work: Work, runs: Sequence[Run], mode: StopMode, grace_s: float | None = None
) -> list[Run]:
    """Ask the nodes that hold these locked runs to stop them; a second request may be harder.

    Args:
        grace_s: None: STOP_GRACE_S, and none of a batch run.
    """
    stopping = [
        replace(
            run,
            state=advance(run.state, RunEvent.REQUEST_STOP)
            if run.state is RunState.RUNNING
            else run.state,
            stop_mode=mode,
            stop_grace_s=_grace_of(run) if grace_s is None else grace_s,
        )
        for run in runs
    ]
    await work.tx.update_runs(stopping)
    work.runs_changed(stopping)
    return stopping


async def make_way(work: Work, runs: Sequence[Run], mode: StopMode) -> None:
    """Stop locked runs for the sake of a later firing; those that stop already go on doing so."""
    waiting = [run for run in runs if run.state not in ON_NODE and not run.has_ended]
    await stop_unheld(
        work, waiting, "a later firing of its trigger takes its place", type="Overlap"
    )
    asked = [run for run in runs if run.state in ON_NODE and not _is_asked(run, mode)]
    await request_stops(work, asked, mode)


def _grace_of(run: Run) -> float | None:
    return None if run.is_batch else STOP_GRACE_S


def _is_asked(run: Run, mode: StopMode) -> bool:
    return run.state is RunState.STOPPING and run.stop_mode in (mode, StopMode.KILL)
