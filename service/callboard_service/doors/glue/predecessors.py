"""The runs whose ends made a conditional trigger start a run: Glue's PredecessorRuns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from callboard.domain.run import Run
from callboard.errors import NotFound
from callboard_service.doors.glue.ids import glue_run_id
from callboard_service.doors.glue.operation import GlueCall

_AT_ONE_INSTANT: Final = 100
"""Ledger entries of one trigger, of different generations."""


async def predecessors_of(call: GlueCall, run: Run) -> list[dict[str, str]]:
    """By job; none, where nobody waited for anything, or it is not known any more."""
    if run.terms is not None and run.terms.workflow_run_id is not None:
        met = await _met_in_workflow(call, run, run.terms.workflow_run_id)
    else:
        met = await _met_before_slot(call, run)
    return [{"JobName": job, "RunId": glue_run_id(run_id)} for job, run_id in sorted(met)]


async def _met_in_workflow(
    call: GlueCall, run: Run, workflow_run_id: int
) -> Iterable[tuple[str, int]]:
    try:
        workflow_run = await call.board.get_workflow_run(workflow_run_id)
    except NotFound:
        return ()
    return workflow_run.met.get(run.trigger or "", {}).items()


async def _met_before_slot(call: GlueCall, run: Run) -> Iterable[tuple[str, int]]:
    """By the ledger of its trigger."""
    if run.trigger is None or run.slot is None:
        return ()
    try:
        entries = await call.board.read_ledger(
            run.group,
            run.trigger,
            since=run.slot,
            until=run.slot + datetime.resolution,
            limit=_AT_ONE_INSTANT,
        )
    except NotFound:
        return ()
    causes = {
        each for entry in entries if run.chain_id in entry.run_ids for each in entry.caused_by
    }
    # Of those that are gone the jobs are not known any more.
    known = await call.board.get_runs(sorted(causes))
    return [(cause.job, cause.id) for cause in known.values()]
