"""The memory store's events: batches by number, those of a cycle without a word twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import TypeAlias

from callboard.domain.amend import amended
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.events import EVENT_OF_STATE, EventBatch, EventRecord, run_record
from callboard.store.memory_journal import Journal, Table
from callboard.store.memory_sorted import SortedKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleBatch:
    """The events of a cycle, in the order of their numbers; the runs' rows say the rest.

    Ids in tuples of their own are nothing that the garbage collector has to look at again.
    """

    first_seq: int
    at: datetime
    node: str | None
    ended: tuple[int, ...]
    ended_states: tuple[RunState, ...]
    """Empty: all of them succeeded."""
    queued: tuple[int, ...]
    started: tuple[int, ...]
    started_crashes: tuple[int, ...]
    """How often a node had died under them; empty: never."""

    @property
    def last_seq(self) -> int:
        return self.first_seq + len(self.ended) + len(self.queued) + len(self.started) - 1


StoredBatch: TypeAlias = EventBatch | CycleBatch


class EventTable(Table[int, StoredBatch]):
    """Batches by the number of their first event."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._firsts = SortedKeys[int]()

    @property
    def oldest(self) -> int | None:
        """The oldest number that is stored."""
        return self._firsts.first

    def after(self, seq: int) -> Iterator[StoredBatch]:
        """Batches with a number greater than `seq`, ascending."""
        start = next(self._firsts.below(seq + 2), seq)
        batches = (self.rows[first] for first in self._firsts.above(start, or_equal=True))
        return (batch for batch in batches if batch.last_seq > seq)

    def reindex(self, key: int, before: StoredBatch | None, after: StoredBatch | None) -> None:
        if before is None:
            self._firsts.add(key)
        elif after is None:
            self._firsts.discard(key)


def as_batch(batch: StoredBatch, runs: Mapping[int, Run]) -> EventBatch:
    """The batch as it is read; what its records say of runs is derived from the runs."""
    if isinstance(batch, EventBatch):
        return batch
    states = batch.ended_states or repeat(RunState.SUCCEEDED)
    crashes = batch.started_crashes or repeat(0)
    records = [
        *(_ended(runs.get(id), id, state) for id, state in zip(batch.ended, states, strict=False)),
        *(_queued(runs.get(run_id), run_id) for run_id in batch.queued),
        *(
            _started(runs.get(id), id, count, batch)
            for id, count in zip(batch.started, crashes, strict=False)
        ),
    ]
    return EventBatch(first_seq=batch.first_seq, at=batch.at, records=tuple(records))


def _ended(run: Run | None, run_id: int, state: RunState) -> EventRecord:
    return _bare(run_id, state) if run is None else run_record(amended(run, state=state))


def _queued(run: Run | None, run_id: int) -> EventRecord:
    if run is None:
        return _bare(run_id, RunState.QUEUED)
    return run_record(
        amended(
            run,
            state=RunState.QUEUED,
            node=None,
            crashes=0,
            started_at=None,
            ended_at=None,
            error=None,
            progress=None,
        )
    )


def _started(run: Run | None, run_id: int, crashes: int, batch: CycleBatch) -> EventRecord:
    if run is None:
        return _bare(run_id, RunState.RUNNING)
    return run_record(
        amended(
            run,
            state=RunState.RUNNING,
            node=batch.node,
            crashes=crashes,
            started_at=batch.at,
            ended_at=None,
            error=None,
            progress=None,
        )
    )


def _bare(run_id: int, state: RunState) -> EventRecord:
    """Of a run that is pruned: nobody can ask for more."""
    return EventRecord(type=EVENT_OF_STATE[state], run_id=run_id, patch={"state": state.value})
