"""The memory store's claim: due runs, first in line first, as far as there is room for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from callboard.domain.job import Job
from callboard.domain.limits import RateLimit
from callboard.domain.node import Node
from callboard.domain.queue import Queue
from callboard.domain.rate_window import RateWindow
from callboard.domain.run import Run
from callboard.domain.run_terms import over_at
from callboard.store.memory_copy import as_running
from callboard.store.memory_counts import TermCounts
from callboard.store.memory_queue import Lane, Line
from callboard.store.memory_tables import Tables


def claim_runs(tables: Tables, node: Node, limit: int, now: datetime) -> list[Run]:
    """Up to `limit` due runs, from now on running on the node."""
    tables.runs.queue.move_to(now)
    rows, rooms = tables.runs.rows, _Rooms(tables, now)
    chosen: list[Run] = []
    if limit > 0:
        for line, run_id in tables.runs.queue.in_line(rooms.is_closed):
            run = rows[run_id]
            over = over_at(run.terms)
            if over is not None and over <= now:
                continue
            chosen.append(run)
            rooms.take(line, run)
            if len(chosen) == limit:
                break
    rooms.count_starts()
    return [tables.runs.put(as_running(run, node, now)) for run in chosen]


def take_rate(tables: Tables, name: str, limit: RateLimit, wanted: int, now: datetime) -> int:
    """How many of `wanted` the window of that name grants; they count."""
    window = tables.rates.rows.get(name, RateWindow())
    granted = max(0, min(wanted, window.room(limit, now)))
    if granted:
        tables.rates.write(name, window.with_more(granted, limit, now))
    return granted


def next_opening(tables: Tables, now: datetime) -> datetime | None:
    """When the next rate lets in a run of a line that waits for nothing but that; None: no such."""
    if not tables.rates.rows:
        return None
    tables.runs.queue.move_to(now)
    rooms = _Rooms(tables, now)
    openings = (
        window.opens_at(limit, now)
        for line in tables.runs.queue.lines()
        for window, limit in rooms.windows_of(line)
    )
    return min((opening for opening in openings if opening is not None), default=None)


class _Rooms:
    """What is left of all limits while one claim goes on."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._tables = tables
        self._now = now
        self._of_job: Counter[int] = Counter()
        self._taken = TermCounts()
        self._starts: Counter[str] = Counter()
        self._limits: dict[str, RateLimit] = {}

    def is_closed(self, line: Line) -> bool:
        """Whether no run of the line may begin now."""
        job_id = line if isinstance(line, int) else line.job_id
        job = self._tables.jobs.rows.get(job_id)
        if job is not None and job.is_limited and self._is_full(job):
            return True
        if isinstance(line, int) or job is None:
            return False
        return self._is_key_full(job, line) or self._is_queue_full(job.group, line)

    def take(self, line: Line, run: Run) -> None:
        """Count a run of the line that begins."""
        self._of_job[run.job_id] += 1
        self._taken.change(run, 1)
        for name, limit in self._rates_of(line):
            self._starts[name] += 1
            self._limits[name] = limit

    def count_starts(self) -> None:
        """Write what began into the rate windows."""
        for name, count in self._starts.items():
            window = self._window(name).with_more(count, self._limits[name], self._now)
            self._tables.rates.write(name, window)

    def windows_of(self, line: Line) -> Iterator[tuple[RateWindow, RateLimit]]:
        """The rates that the line's runs begin under."""
        return ((self._window(name), limit) for name, limit in self._rates_of(line))

    def _is_full(self, job: Job) -> bool:
        most = job.max_concurrent_runs
        if most is not None:
            held = self._tables.runs.on_node_counts[job.id]
            if held + self._of_job[job.id] >= most:
                return True
        return job.rate_limit is not None and self._is_spent(f"job:{job.id}", job.rate_limit)

    def _is_key_full(self, job: Job, lane: Lane) -> bool:
        if job.concurrency is None or lane.key is None:
            return False
        key = (job.id, lane.key)
        held = self._tables.runs.held_counts.of_key[key] + self._taken.of_key[key]
        return held >= job.concurrency.max_runs

    def _is_queue_full(self, group: str, lane: Lane) -> bool:
        queue = self._queue(group, lane)
        if queue is None:
            return False
        key = (queue.group, queue.name)
        held = self._tables.runs.held_counts.of_queue[key] + self._taken.of_queue[key]
        if queue.paused or (queue.capacity is not None and held >= queue.capacity):
            return True
        return queue.rate_limit is not None and self._is_spent(
            f"queue:{queue.id}", queue.rate_limit
        )

    def _is_spent(self, name: str, limit: RateLimit) -> bool:
        return self._window(name).room(limit, self._now) <= self._starts[name]

    def _rates_of(self, line: Line) -> Iterator[tuple[str, RateLimit]]:
        job = self._tables.jobs.rows.get(line if isinstance(line, int) else line.job_id)
        if job is None:
            return
        if job.rate_limit is not None:
            yield f"job:{job.id}", job.rate_limit
        queue = None if isinstance(line, int) else self._queue(job.group, line)
        if queue is not None and queue.rate_limit is not None:
            yield f"queue:{queue.id}", queue.rate_limit

    def _queue(self, group: str, lane: Lane) -> Queue | None:
        return None if lane.queue is None else self._tables.queues.by_name(group, lane.queue)

    def _window(self, name: str) -> RateWindow:
        return self._tables.rates.rows.get(name, RateWindow())
