"""The memory store's table of runs with its indexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, groupby, islice, takewhile
from operator import attrgetter
from typing import Final, TypeVar

from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.domain.run_terms import over_at
from callboard.domain.states import ENDED, LIVE, ON_NODE, RunState
from callboard.store.contract import RunFilter
from callboard.store.memory_counts import TermCounts
from callboard.store.memory_journal import Journal, Table
from callboard.store.memory_lazy import LazyKeys
from callboard.store.memory_queue import RunQueue, waiting_of
from callboard.store.memory_sorted import SortedKeys

HELD: Final = frozenset({RunState.RUNNING, RunState.STOPPING, RunState.LOST})
"""States of runs that a node has, or had until its lease ended."""

_JOB_OF: Final = attrgetter("job_id")
_EPOCH_OF: Final = attrgetter("epoch")

K = TypeVar("K", bound=Hashable)


class RunTable(Table[int, Run]):
    """Runs by id, live and ended."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.queue = RunQueue()
        self.held_counts, self.waiting_counts = TermCounts(), TermCounts()
        """Of runs in running and stopping, and of queued ones."""
        self.live_counts: Counter[RunState] = Counter()
        self.on_node_counts: Counter[int] = Counter()
        """Runs in running and stopping, by job id."""
        self.ended = SortedKeys[tuple[datetime, int]]()
        self.overdue = SortedKeys[tuple[datetime, int]]()
        """Queued runs whose time to wait will be over, by the instant and the id."""
        self._ids = SortedKeys[int]()
        self._live = LazyKeys[int]()
        self._of_job: dict[tuple[str, str], SortedKeys[int]] = {}
        self._of_trigger: dict[tuple[str, str], SortedKeys[int]] = {}
        self._live_of_trigger: dict[int, SortedKeys[int]] = {}
        self._retries: dict[int, SortedKeys[int]] = {}
        self._by_unique_key: dict[tuple[int, str], int] = {}
        self._held: dict[int | None, set[int]] = {}
        self._waiting: dict[int, set[int]] = {}

    def put(self, run: Run) -> Run:
        """The run, written."""
        self.write(run.id, run)
        return run

    def live_by_key(self, job_id: int, unique_key: str) -> Run | None:
        run_id = self._by_unique_key.get((job_id, unique_key))
        return None if run_id is None else self.rows[run_id]

    def live(self) -> Iterator[Run]:
        """Live runs, newest first."""
        return (self.rows[run_id] for run_id in reversed(self._live))

    def live_of_trigger(self, trigger_id: int) -> Iterator[Run]:
        """Live runs of a trigger, by id."""
        return (self.rows[run_id] for run_id in self._live_of_trigger.get(trigger_id, ()))

    def waiting_ids(self, job_id: int) -> Iterable[int]:
        """Ids of the job's queued and parked runs, in no order."""
        return self._waiting.get(job_id, ())

    def count_of_job(self, job_id: int, most: int) -> int:
        """How many runs of the job are queued, but not held, running or stopping; counted up to
        `most` at least."""
        waiting = (self.rows[run_id] for run_id in self.waiting_ids(job_id))
        queued = (run for run in waiting if run.state is RunState.QUEUED and not run.is_held)
        return self.on_node_counts[job_id] + sum(1 for _ in islice(queued, most))

    def overdue_ids(self, now: datetime, limit: int) -> list[int]:
        """Ids of queued runs whose time to wait is over, the first ones first."""
        due = takewhile(lambda each: each[0] <= now, self.overdue)
        return [run_id for _, run_id in islice(due, limit)]

    def stopping_of(self, epoch: int) -> list[Run]:
        """Runs of an epoch that have been asked to stop, by id."""
        return [run for run in self.held_by(epoch) if run.state is RunState.STOPPING]

    def held_by(self, epoch: int | None) -> list[Run]:
        """Running, stopping and lost runs of an epoch, by id."""
        return [self.rows[run_id] for run_id in sorted(self._held.get(epoch, ()))]

    def holders(self) -> list[int | None]:
        """Epochs that have a running, stopping or lost run."""
        return list(self._held)

    def states_of_chain(self, chain_id: int) -> dict[int, RunState]:
        """States of the chain's runs by run id, ascending."""
        ids = reversed([*self._chain(chain_id, None)])
        return {run_id: self.rows[run_id].state for run_id in ids}

    def surplus_of(self, job: Job, keep: int | None) -> list[int]:
        """Ids of the job's ended runs but for the newest `keep`, ascending; None: it keeps all."""
        ids = self._of_job.get((job.group, job.name))
        if keep is None or ids is None or len(ids) <= keep:
            return []
        mine = (self.rows[run_id] for run_id in reversed(ids))
        ended = [run.id for run in mine if run.has_ended and run.job_id == job.id]
        return ended[keep:][::-1]

    def newest(self, wanted: RunFilter) -> Iterator[Run]:
        """The runs that the filter lets through, highest id first, without its limit."""
        for run_id in self._candidates(wanted):
            run = self.rows[run_id]
            if _matches(run, wanted):
                yield run

    def _candidates(self, wanted: RunFilter) -> Iterator[int]:
        """Ids that contain those of the filter, descending: the shortest index that has them."""
        if wanted.chain_id is not None:
            return self._chain(wanted.chain_id, wanted.before_id)
        indexes: list[SortedKeys[int] | LazyKeys[int]] = [self._ids]
        if wanted.states and LIVE.issuperset(wanted.states):
            indexes.append(self._live)
        if wanted.group is not None and wanted.job is not None:
            indexes.append(self._of_job.get((wanted.group, wanted.job)) or SortedKeys())
        if wanted.group is not None and wanted.trigger is not None:
            indexes.append(self._of_trigger.get((wanted.group, wanted.trigger)) or SortedKeys())
        ids = min(indexes, key=len)
        return reversed(ids) if wanted.before_id is None else ids.below(wanted.before_id)

    def _chain(self, chain_id: int, before_id: int | None) -> Iterator[int]:
        ids = [*reversed(self._retries.get(chain_id) or SortedKeys[int]())]
        first = self.rows.get(chain_id)
        if first is not None and first.chain_id == chain_id:
            ids.append(chain_id)
        return (run_id for run_id in ids if before_id is None or run_id < before_id)

    # whole batches, and nothing of them in the journal

    def create_all(self, queued: Sequence[Run], born: Sequence[Run]) -> None:
        """Write new runs without trigger, key or predecessor: queued ones, and running ones."""
        every = {run.id: run for run in chain(queued, born)}
        ids = sorted(every)
        self.rows.update(every)
        self._ids.add_all(ids)
        self._live.add_all(ids)
        for _, group in _by_job(every.values()):
            of_job = _index_of(self._of_job, (group[0].group, group[0].job))
            of_job.add_all(sorted([run.id for run in group]))
        self._wait_all(queued)
        self._hold_all(born)

    def claim_all(self, running: Sequence[Run]) -> None:
        """Write runs that were queued; the queue has let go of them."""
        self.rows.update({run.id: run for run in running})
        self.live_counts[RunState.QUEUED] -= len(running)
        for job_id, group in _by_job(running):
            _take_out(self._waiting, job_id, group)
        self._hold_all(running)

    def end_all(self, ended: Sequence[Run]) -> None:
        """Write runs that were running."""
        self.rows.update({run.id: run for run in ended})
        self.live_counts[RunState.RUNNING] -= len(ended)
        self._live.discard_all([run.id for run in ended])
        for job_id, group in _by_job(ended):
            self.on_node_counts[job_id] -= len(group)
        for epoch, group in _by_epoch(ended):
            _take_out(self._held, epoch, group)
        self.ended.add_all(sorted([(run.ended_at or run.created_at, run.id) for run in ended]))
        for run in ended:
            if run.terms is not None:
                self.held_counts.change(run, -1)
            if run.trigger_id is not None:
                _mark_in(self._live_of_trigger, run.trigger_id, run.id, False)
            if run.unique_key is not None:
                del self._by_unique_key[run.job_id, run.unique_key]

    def _wait_all(self, queued: Sequence[Run]) -> None:
        self.live_counts[RunState.QUEUED] += len(queued)
        for job_id, group in _by_job(queued):
            self._waiting.setdefault(job_id, set()).update([run.id for run in group])
            self.queue.add_all(job_id, sorted([(run.due_at, run.id, job_id) for run in group]))

    def _hold_all(self, running: Sequence[Run]) -> None:
        self.live_counts[RunState.RUNNING] += len(running)
        for job_id, group in _by_job(running):
            self.on_node_counts[job_id] += len(group)
        for epoch, group in _by_epoch(running):
            self._held.setdefault(epoch, set()).update([run.id for run in group])

    def reindex(self, key: int, before: Run | None, after: Run | None) -> None:
        if before is None or after is None:
            self._reindex_identity(before, after)
        was_live = before is not None and before.state in LIVE
        is_live = after is not None and after.state in LIVE
        if was_live is not is_live:
            self._reindex_live(before, after, is_live)
        if before is not None:
            self._leave_state(before)
        if after is not None:
            self._enter_state(after)

    def _reindex_identity(self, before: Run | None, after: Run | None) -> None:
        """Into the indexes that a run stays in as long as it exists, or out of them."""
        run, is_in = (before, False) if after is None else (after, True)
        if run is None:
            return
        _mark(self._ids, run.id, is_in)
        _mark_in(self._of_job, (run.group, run.job), run.id, is_in)
        if run.trigger is not None:
            _mark_in(self._of_trigger, (run.group, run.trigger), run.id, is_in)
        if run.chain_id != run.id:
            _mark_in(self._retries, run.chain_id, run.id, is_in)

    def _reindex_live(self, before: Run | None, after: Run | None, is_live: bool) -> None:
        run = after or before
        if run is None:
            return
        _mark(self._live, run.id, is_live)
        if run.trigger_id is not None:
            _mark_in(self._live_of_trigger, run.trigger_id, run.id, is_live)
        if run.unique_key is not None and is_live:
            self._by_unique_key[run.job_id, run.unique_key] = run.id
        elif run.unique_key is not None:
            del self._by_unique_key[run.job_id, run.unique_key]

    def _leave_state(self, run: Run) -> None:
        state = run.state
        if state in ENDED:
            self.ended.discard((run.ended_at or run.created_at, run.id))
            return
        self.live_counts[state] -= 1
        if state in HELD:
            _mark_among(self._held, run.epoch, run.id, False)
            if state in ON_NODE:
                self.on_node_counts[run.job_id] -= 1
                self.held_counts.change(run, -1)
            return
        _mark_among(self._waiting, run.job_id, run.id, False)
        if state is RunState.QUEUED:
            self.queue.discard(waiting_of(run))
            self.waiting_counts.change(run, -1)
            if (at := over_at(run.terms)) is not None:
                self.overdue.discard((at, run.id))

    def _enter_state(self, run: Run) -> None:
        state = run.state
        if state in ENDED:
            self.ended.add((run.ended_at or run.created_at, run.id))
            return
        self.live_counts[state] += 1
        if state in HELD:
            _mark_among(self._held, run.epoch, run.id, True)
            if state in ON_NODE:
                self.on_node_counts[run.job_id] += 1
                self.held_counts.change(run, 1)
            return
        _mark_among(self._waiting, run.job_id, run.id, True)
        if state is RunState.QUEUED:
            self.queue.add(waiting_of(run))
            self.waiting_counts.change(run, 1)
            if (at := over_at(run.terms)) is not None:
                self.overdue.add((at, run.id))


def _by_job(runs: Iterable[Run]) -> Iterator[tuple[int, list[Run]]]:
    """Runs of the same job that stand together; a job may come more than once."""
    return ((job_id, [*group]) for job_id, group in groupby(runs, _JOB_OF))


def _by_epoch(runs: Iterable[Run]) -> Iterator[tuple[int | None, list[Run]]]:
    """The same by epoch."""
    return ((epoch, [*group]) for epoch, group in groupby(runs, _EPOCH_OF))


def _index_of(index: dict[K, SortedKeys[int]], key: K) -> SortedKeys[int]:
    ids = index.get(key)
    if ids is None:
        ids = index[key] = SortedKeys()
    return ids


def _take_out(index: dict[K, set[int]], key: K, runs: Sequence[Run]) -> None:
    ids = index[key]
    ids.difference_update([run.id for run in runs])
    if not ids:
        del index[key]


def _mark(ids: SortedKeys[int] | LazyKeys[int], run_id: int, is_in: bool) -> None:
    if is_in:
        ids.add(run_id)
    else:
        ids.discard(run_id)


def _mark_in(index: dict[K, SortedKeys[int]], key: K, run_id: int, is_in: bool) -> None:
    ids = _index_of(index, key)
    _mark(ids, run_id, is_in)
    if not ids:
        del index[key]


def _mark_among(index: dict[K, set[int]], key: K, run_id: int, is_in: bool) -> None:
    ids = index.get(key)
    if ids is None:
        ids = index[key] = set()
    if is_in:
        ids.add(run_id)
    else:
        ids.discard(run_id)
        if not ids:
            del index[key]


def _matches(run: Run, wanted: RunFilter) -> bool:
    return (
        wanted.group in (None, run.group)
        and wanted.job in (None, run.job)
        and wanted.trigger in (None, run.trigger)
        and (not wanted.states or run.state in wanted.states)
        and (wanted.created_from is None or run.created_at >= wanted.created_from)
        and (wanted.created_until is None or run.created_at < wanted.created_until)
    )
