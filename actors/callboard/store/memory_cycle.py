"""The memory store's cycle: ends, starts and a claim in one go, without a journal.

Nothing awaits in it and nothing is refused half-way, so there is nothing to take back: the rows
and indexes are written for whole batches. Claims look at the runs that were there before, as the
one statement of a database does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeVar

from callboard.domain.node import Node
from callboard.domain.overlap import is_sequenced
from callboard.domain.run import Run
from callboard.domain.states import ENDED, TRANSITIONS, RunState
from callboard.store.contract import RunEnd
from callboard.store.cycle import Cycle, Cycled
from callboard.store.memory_copy import as_running, with_end
from callboard.store.memory_events import CycleBatch
from callboard.store.memory_tables import Tables

V = TypeVar("V")

ENDS_OF_RUNNING: Final = tuple(ENDED.intersection(TRANSITIONS[RunState.RUNNING].values()))
"""A tuple: to look a state up in a set costs more than to compare it with four."""


def run_cycle(tables: Tables, cycle: Cycle, now: datetime) -> Cycled:
    """Do what the cycle says."""
    tables.runs.queue.move_to(now)
    node = tables.live_node(cycle.epoch, now)
    ended = _end(tables, cycle)
    current = _current_jobs(tables, cycle)
    fresh = [start.created(now) for start in cycle.starts if start.job_id in current]
    is_limited, claimed = _claim(tables, cycle, node, now)
    requeued = frozenset(run.id for run in claimed if run.id in tables.requeued.rows)
    born = _create(tables, cycle, fresh, node, now)
    return Cycled(
        now=now,
        first_seq=_tell(tables, now, node, ended=ended, fresh=fresh, started=[*born, *claimed]),
        ended=frozenset([run.id for run in ended]),
        started=frozenset([run.id for run in fresh]),
        is_born=cycle.born > 0 and node is not None,
        node=None if node is None else node.name,
        claimed=tuple(claimed),
        requeued=requeued,
        job_versions=_versions(tables, claimed),
        is_limited=is_limited,
    )


def _end(tables: Tables, cycle: Cycle) -> list[Run]:
    rows, ended = tables.runs.rows, dict[int, Run]()
    for end in cycle.ends:
        run = rows.get(end.run_id)
        if run is not None and end.run_id not in ended and _may_end(tables, run, end):
            ended[end.run_id] = with_end(run, end)
    if ended:
        _store_ends(tables, cycle, ended)
    return [*ended.values()]


def _store_ends(tables: Tables, cycle: Cycle, ended: dict[int, Run]) -> None:
    tables.runs.end_all([*ended.values()])
    for chunk in cycle.logs:
        if chunk.run_id in ended and tables.logs.lacks(chunk):
            tables.logs.replace((chunk.run_id, chunk.lines[0].seq), chunk)
    for run_id in tables.requeued.rows.keys() & ended.keys():
        tables.requeued.replace(run_id, None)


def _may_end(tables: Tables, run: Run, end: RunEnd) -> bool:
    return (
        run.state is RunState.RUNNING
        and run.is_of_claim(end.epoch, end.started_at)
        and end.state in ENDS_OF_RUNNING
        and (run.trigger_id is None or not _is_awaited(tables, run.trigger_id))
    )


def _is_awaited(tables: Tables, trigger_id: int) -> bool:
    """Whether the end of its runs means something to the trigger."""
    trigger = tables.triggers.rows.get(trigger_id)
    return trigger is not None and is_sequenced(trigger)


def _current_jobs(tables: Tables, cycle: Cycle) -> set[int]:
    """Ids of the jobs of the starts that are as the caller knows them."""
    jobs = tables.jobs.rows
    return {id for id, version in cycle.jobs.items() if id in jobs and jobs[id].version == version}


def _create(
    tables: Tables, cycle: Cycle, fresh: Sequence[Run], node: Node | None, now: datetime
) -> list[Run]:
    """Store the new runs; those of them that were born running, as they are."""
    if not fresh:
        return []
    chosen = set[int]()
    if node is not None and cycle.born:
        chosen = {start.id for start in cycle.starts[: cycle.born]}
    born = [as_running(run, node, now) for run in fresh if node is not None and run.id in chosen]
    tables.runs.create_all([run for run in fresh if run.id not in chosen], born)
    return born


def _claim(
    tables: Tables, cycle: Cycle, node: Node | None, now: datetime
) -> tuple[bool, list[Run]]:
    """Whether runs of jobs with a limit wait, and the claimed ones, oldest due first."""
    if node is None or cycle.claim <= 0:
        return False, []
    runs = tables.runs
    if runs.queue.has_line_of(tables.jobs.limited):
        return True, []
    due = runs.queue.take_due(cycle.claim, cycle.due_from)
    claimed = [as_running(runs.rows[run_id], node, now) for _, run_id, _ in due]
    runs.claim_all(claimed)
    return False, claimed


def _versions(tables: Tables, claimed: Sequence[Run]) -> dict[int, int]:
    jobs = tables.jobs.rows
    return {id: jobs[id].version for id in {run.job_id for run in claimed} if id in jobs}


def _tell(
    tables: Tables,
    now: datetime,
    node: Node | None,
    *,
    ended: Sequence[Run],
    fresh: Sequence[Run],
    started: Sequence[Run],
) -> int:
    """Store the events; the first one's number, 0 when there is none."""
    if not (ended or fresh or started):
        return 0
    first_seq = tables.newest_event.rows.get(None, 0) + 1
    batch = CycleBatch(
        first_seq=first_seq,
        at=now,
        node=None if node is None else node.name,
        ended=tuple([run.id for run in ended]),
        ended_states=_unless_all([run.state for run in ended], RunState.SUCCEEDED),
        queued=tuple([run.id for run in fresh]),
        started=tuple([run.id for run in started]),
        started_crashes=_unless_all([run.crashes for run in started], 0),
    )
    tables.events.replace(first_seq, batch)
    tables.newest_event.replace(None, batch.last_seq)
    return first_seq


def _unless_all(values: list[V], usual: V) -> tuple[V, ...]:
    """The values; none where all are the usual one."""
    return () if values.count(usual) == len(values) else tuple(values)
