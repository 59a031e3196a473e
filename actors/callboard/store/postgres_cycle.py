"""The cycle of the queue in PostgreSQL: one statement, one commit, one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from operator import attrgetter
from typing import Any, Final

from callboard.domain.json import JsonObject
from callboard.domain.run import HELD, Run, RunError, StopMode, make_run
from callboard.domain.states import ENDED, RunState, may_become
from callboard.store.contract import LogChunk, RunEnd
from callboard.store.cycle import Cycle, Cycled
from callboard.store.postgres_events import log_columns
from callboard.store.postgres_ids import RunIds
from callboard.store.postgres_json import from_json, to_json, to_json_or_none
from callboard.store.rows import instant
from callboard.store.statements import Row, Statements

_NOTHING: Final = (None,) * 4
_ENDS: Final = frozenset(state for state in ENDED if may_become(RunState.RUNNING, state))


class Cycles:
    """Runs cycles for one store, and keeps where the due runs of limited jobs begin.

    Under a long transaction elsewhere the entries of claimed runs stay in the index: a look that
    began at its beginning would walk over all of them.
    """

    def __init__(self, ids: RunIds) -> None:
        self._ids = ids
        self._limited_from: datetime | None = None

    async def run(self, sql: Statements, cycle: Cycle, now: datetime | None) -> Cycled:
        if cycle.starts and not (cycle.ends or cycle.claim):
            return await self._start(sql, cycle, now)
        ends = _each_once(cycle.ends)
        head, *rows = await sql.rows(
            "cycle_runs",
            now,
            *_ends(ends),
            *_logs(cycle.logs),
            *_starts(cycle),
            cycle.epoch,
            cycle.born,
            cycle.claim,
            cycle.due_from,
            HELD if cycle.passes_limited else self._start_of_limited(cycle.due_from),
            self._ids.blocks_ahead(),
        )
        if cycle.claim and not cycle.passes_limited:
            self._limited_from = head[8] and instant(head[8])
        self._ids.add(head[9])
        return _cycled(cycle, ends, head, rows)

    async def _start(self, sql: Statements, cycle: Cycle, now: datetime | None) -> Cycled:
        [(instant, first_seq, node, missed, first_ids)] = await sql.rows(
            "start_runs", now, *_starts(cycle), cycle.epoch, cycle.born, self._ids.blocks_ahead()
        )
        self._ids.add(first_ids)
        return Cycled(
            now=instant,
            first_seq=first_seq,
            started=_started(cycle, missed),
            is_born=cycle.born > 0 and node is not None,
            node=node,
        )

    def _start_of_limited(self, due_from: datetime | None) -> datetime | None:
        """As far back as it must look: where it saw the first, or where the claim begins."""
        if due_from is None or self._limited_from is None:
            return due_from
        return min(due_from, self._limited_from)


def _each_once(ends: Sequence[RunEnd]) -> Sequence[RunEnd]:
    """The ends that are legal for a running run, the first one of each run."""
    once: dict[int, RunEnd] = {}
    for end in ends:
        if end.state in _ENDS and end.epoch is not None:
            once.setdefault(end.run_id, end)
    return ends if len(once) == len(ends) else [*once.values()]


def _ends(ends: Sequence[RunEnd]) -> Iterable[object]:
    if not ends:
        return (None,) * 8
    told = ids = [end.run_id for end in ends]
    is_sorted = all(one < other for one, other in pairwise(ids))
    if not is_sorted:
        ends = sorted(ends, key=attrgetter("run_id"))
        ids = [end.run_id for end in ends]
    epochs = [end.epoch for end in ends]
    return (
        ids,
        epochs[:1] if epochs.count(epochs[0]) == len(epochs) else epochs,
        _unless_all(_claims(ends), None),
        _unless_all([end.state.value for end in ends], RunState.SUCCEEDED.value),
        _unless_all([to_json_or_none(end.result) for end in ends], None),
        _unless_all([to_json_or_none(end.error) for end in ends], None),
        [end.ended_at.timestamp() for end in ends],
        None if is_sorted else told,
    )


def _claims(ends: Sequence[RunEnd]) -> list[float | None]:
    """Seconds since 1970, to the microsecond until the year 2242; worked out once for each claim,
    for runs that were claimed together share the instant."""
    claims = [end.started_at for end in ends]
    seconds = {at: None if at is None else at.timestamp() for at in set(claims)}
    return [seconds[at] for at in claims]


def _unless_all(values: list[Any], usual: object) -> list[Any] | None:
    """The values; None where all of them are the usual one, for every element sent has its cost."""
    return None if values.count(usual) == len(values) else values


def _logs(chunks: Sequence[LogChunk]) -> Iterable[object]:
    return log_columns(chunks) if chunks else _NOTHING


def _starts(cycle: Cycle) -> Iterable[object]:
    starts, versions = cycle.starts, cycle.jobs
    if not starts:
        return (None,) * 7
    job_ids = sorted({start.job_id for start in starts} & versions.keys())
    places = {job_id: place for place, job_id in enumerate(job_ids, 1)}
    return (
        [start.id for start in starts],
        _unless_all([places.get(start.job_id, 0) for start in starts], 1),
        _unless_all([_arguments(start.arguments) for start in starts], None),
        _unless_all([start.due_at for start in starts], None),
        [start.trace_id for start in starts],
        job_ids,
        [versions[job_id] for job_id in job_ids],
    )


def _arguments(arguments: JsonObject) -> str | None:
    return to_json(arguments) if arguments else None


def _cycled(cycle: Cycle, ends: Sequence[RunEnd], head: Row, rows: Sequence[Row]) -> Cycled:
    now, first_seq, node, is_limited, missed_ends, missed_starts, job_ids, versions = head[:8]
    return Cycled(
        now=now,
        first_seq=first_seq,
        ended=frozenset([end.run_id for end in ends]).difference(missed_ends or ()),
        started=_started(cycle, missed_starts),
        is_born=cycle.born > 0 and node is not None,
        node=node,
        claimed=tuple([_claimed(row, node, cycle.epoch, now) for row in rows]),
        requeued=frozenset([row[10] for row in rows if row[30]]),
        job_versions=dict(zip(job_ids or (), versions or (), strict=True)),
        is_limited=is_limited,
    )


def _started(cycle: Cycle, missed: Sequence[int] | None) -> frozenset[int]:
    started = frozenset([start.id for start in cycle.starts])
    return started.difference(missed) if missed else started


def _claimed(row: Row, node: str, epoch: int | None, now: datetime) -> Run:
    (
        run_id,
        job,
        group,
        job_id,
        trigger,
        trigger_id,
        slot,
        attempt,
        previous_run_id,
        chain_id,
        arguments,
        error,
        progress,
        crashes,
        unique_key,
        stop_mode,
        stop_grace_s,
        trace_id,
        created_at,
        due_at,
    ) = row[10:30]
    return make_run(
        run_id,
        job,
        group,
        job_id,
        trigger,
        trigger_id,
        slot and instant(slot),
        RunState.RUNNING,
        attempt or 1,
        previous_run_id,
        chain_id or run_id,
        from_json(arguments) if arguments else {},
        None,
        error and RunError(**from_json(error)),
        progress and from_json(progress),
        node,
        epoch,
        crashes or 0,
        unique_key,
        stop_mode and StopMode(stop_mode),
        stop_grace_s,
        trace_id,
        created_at,
        due_at or created_at,
        now,
        None,
    )
