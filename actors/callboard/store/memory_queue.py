"""The memory store's queued runs: what is due, in order, without looking at jobs that are full."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from typing import TypeAlias

from callboard.domain.run import HELD, MAX_RUN_ID
from callboard.store.memory_sorted import SortedKeys

Waiting: TypeAlias = "tuple[datetime, int, int]"
"""due_at, run id, job id: in the order in which runs are claimed."""


class RunQueue:
    """Queued runs in the order of due_at and id.

    Those that are due stand in one line for each job, so that a job which may start nothing now
    costs a claim one step, however long its line is. The rest waits in one common order.
    """

    def __init__(self) -> None:
        self._later = SortedKeys[Waiting]()
        self._lines: dict[int, SortedKeys[Waiting]] = {}
        self._heads = SortedKeys[Waiting]()
        self._now = datetime.min.replace(tzinfo=UTC)

    def add(self, waiting: Waiting) -> None:
        if waiting[0] > self._now:
            self._later.add(waiting)
        else:
            self._join_line(waiting)

    def discard(self, waiting: Waiting) -> None:
        if waiting[0] > self._now:
            self._later.discard(waiting)
        else:
            self._leave_line(waiting)

    def move_to(self, now: datetime) -> None:
        """Let the present be `now`; it may also have stepped back."""
        if now > self._now:
            self._now = now
            due = self._later.take_first(sys.maxsize, below=(now, MAX_RUN_ID + 1, 0))
            for job_id, waiting in groupby(due, itemgetter(2)):
                self._join_line_all(job_id, [*waiting])
        elif now < self._now:
            self._now = now
            for each in [each for line in self._lines.values() for each in line]:
                if each[0] > now:
                    self._leave_line(each)
                    self._later.add(each)

    def first_due(self, *, behind: Waiting | None = None) -> Waiting | None:
        """The first run due, or the next job's first run behind that of another job."""
        if behind is None:
            return self._heads.first
        return next(self._heads.above(behind), None)

    def has_line_of(self, job_ids: Iterable[int]) -> bool:
        """Whether a run of one of the jobs is due."""
        return any(job_id in self._lines for job_id in job_ids)

    def add_all(self, job_id: int, waiting: Sequence[Waiting]) -> None:
        """As `add`, for many runs of one job, in ascending order."""
        place = bisect_right(waiting, (self._now, MAX_RUN_ID, 0))
        if place:
            self._join_line_all(job_id, waiting[:place])
        self._later.add_all(waiting[place:])

    def take_due(self, limit: int, since: datetime | None) -> list[Waiting]:
        """Take the first runs due at or after `since` out, at most `limit`, of all jobs."""
        first = self._heads.first
        if since is not None and first is not None and first[0] < since:
            return self._take_behind(limit, (since, 0, 0))
        taken: list[Waiting] = []
        while first is not None and len(taken) < limit:
            second = next(self._heads.above(first), None)
            taken += self._take_of_line(first, limit - len(taken), second)
            first = self._heads.first
        return taken

    def _take_behind(self, limit: int, start: Waiting) -> list[Waiting]:
        """The same where older runs, which must be passed over, stand before them."""
        behind = (line.above(start, or_equal=True) for line in self._lines.values())
        taken = list(islice(merge(*behind), limit))
        for waiting in taken:
            self._leave_line(waiting)
        return taken

    def _take_of_line(self, head: Waiting, limit: int, below: Waiting | None) -> list[Waiting]:
        line = self._lines[head[2]]
        taken = line.take_first(limit, below=below)
        self._heads.discard(head)
        if line.first is not None:
            self._heads.add(line.first)
        else:
            del self._lines[head[2]]
        return taken

    @property
    def next_due_at(self) -> datetime | None:
        """When the next run becomes due; held ones never do by themselves."""
        first = self._later.first
        return first[0] if first and first[0] != HELD else None

    def held_ids(self) -> list[int]:
        """Ids of held runs, ascending."""
        return [run_id for _, run_id, _ in self._later.above((HELD, 0, 0))]

    def _join_line(self, waiting: Waiting) -> None:
        line = self._lines.get(waiting[2])
        if line is None:
            line = self._lines[waiting[2]] = SortedKeys()
        head = line.first
        line.add(waiting)
        if head is None or waiting < head:
            if head is not None:
                self._heads.discard(head)
            self._heads.add(waiting)

    def _join_line_all(self, job_id: int, waiting: Sequence[Waiting]) -> None:
        line = self._lines.get(job_id)
        if line is None:
            line = self._lines[job_id] = SortedKeys()
        head = line.first
        line.add_all(waiting)
        if head is None or waiting[0] < head:
            if head is not None:
                self._heads.discard(head)
            self._heads.add(waiting[0])

    def _leave_line(self, waiting: Waiting) -> None:
        line = self._lines[waiting[2]]
        is_head = line.first == waiting
        line.discard(waiting)
        if is_head:
            self._heads.discard(waiting)
            if line.first is not None:
                self._heads.add(line.first)
        if not line:
            del self._lines[waiting[2]]
