"""The memory store's queued runs: what is due, in order, without looking at jobs that are full."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import takewhile
from typing import TypeAlias

from callboard.domain.run import HELD
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
            for waiting in list(takewhile(lambda each: each[0] <= now, self._later)):
                self._later.discard(waiting)
                self._join_line(waiting)
        elif now < self._now:
            self._now = now
            for waiting in [each for line in self._lines.values() for each in line]:
                if waiting[0] > now:
                    self._leave_line(waiting)
                    self._later.add(waiting)

    def first_due(self, *, behind: Waiting | None = None) -> Waiting | None:
        """The first run due, or the next job's first run behind that of another job."""
        if behind is None:
            return self._heads.first
        return next(self._heads.above(behind), None)

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
