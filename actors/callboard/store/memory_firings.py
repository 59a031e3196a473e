"""Live firings of triggers in the memory store."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from callboard.domain.overlap import Firing
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.store.memory_runs import RunTable
from callboard.store.memory_tables import Tables


def firings_of(runs: RunTable, trigger_id: int) -> list[Firing]:
    """The trigger's live firings, oldest first; parked runs do not count."""
    of_trace: dict[str, list[Run]] = {}
    for run in runs.live_of_trigger(trigger_id):
        if run.state is not RunState.PARKED:
            of_trace.setdefault(run.trace_id, []).append(run)
    return [_firing(trigger_id, of_one) for of_one in of_trace.values()]


def _firing(trigger_id: int, runs: list[Run]) -> Firing:
    return Firing(
        trigger_id=trigger_id,
        trace_id=runs[0].trace_id,
        run_ids=tuple(run.id for run in runs),
        since=min(_since(run) for run in runs),
        is_held=all(run.is_held for run in runs),
    )


def _since(run: Run) -> datetime:
    return run.slot if run.slot and run.attempt == 1 else run.created_at


def stalled_triggers(tables: Tables, limit: int) -> list[int]:
    """Triggers that wait for the end of runs although none is live."""
    runs = tables.runs
    waiting = {runs.rows[run_id].trigger_id for run_id in runs.queue.held_ids()}
    stalled = (
        trigger_id
        for trigger_id in sorted({each for each in waiting if each} | {*tables.triggers.undelayed})
        if not _is_live(runs, trigger_id)
    )
    return list(islice(stalled, limit))


def _is_live(runs: RunTable, trigger_id: int) -> bool:
    return any(not firing.is_held for firing in firings_of(runs, trigger_id))
