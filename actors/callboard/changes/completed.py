"""Runs whose work their handlers have committed themselves: they have succeeded, whatever else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from callboard.changes.work import Work
from callboard.domain.json import Json
from callboard.domain.run import Run
from callboard.domain.run_end import RunEnd
from callboard.domain.states import RunState


async def end_completed(work: Work, runs: Sequence[Run]) -> list[Run]:
    """End those of the locked live runs that are complete; the others."""
    results = await work.tx.completed_results([run.id for run in runs])
    ends = [
        RunEnd(
            run_id=run.id,
            epoch=run.epoch,
            state=RunState.SUCCEEDED,
            result=results[run.id],
            ended_at=work.now,
        )
        for run in runs
        if run.id in results
    ]
    if ends:
        work.runs_changed(await work.tx.end_runs(ends))
    return [run for run in runs if run.id not in results]


def as_completed(end: RunEnd, results: dict[int, Json]) -> RunEnd:
    """The end as it is told, or the success that it was."""
    if end.run_id not in results:
        return end
    return replace(end, state=RunState.SUCCEEDED, result=results[end.run_id], error=None)
