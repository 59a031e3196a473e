"""The memory store's queued runs: what is due, in order, without looking at jobs that are full."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush, merge
from itertools import groupby, islice
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from callboard.domain.run import HELD, MAX_RUN_ID, Run
from callboard.domain.run_terms import AGEING_S
from callboard.store.memory_sorted import SortedKeys

_AGEING: Final = timedelta(seconds=AGEING_S)


class Lane(NamedTuple):
    """What runs with terms have in common which wait for the same."""

    job_id: int
    queue: str | None
    key: str | None
    priority: int


Line: TypeAlias = int | Lane
"""Of runs without terms the id of their job."""
Waiting: TypeAlias = tuple[datetime, int, Line]
"""due_at, run id, line: in the order in which the runs of a line are claimed."""
Head: TypeAlias = tuple[datetime, int, Line]
"""Place in line: due_at, but earlier by what the priority weighs; run id, line."""


class RunQueue:
    """Queued runs in the order of due_at and id.

    Those that are due stand in one line for each job, those with terms in one for each lane, so
    that one which may start nothing now costs a claim one step, however long its line is. The
    rest waits in one common order.
    """

    def __init__(self) -> None:
        self._later = SortedKeys[Waiting]()
        self._lines: dict[Line, SortedKeys[Waiting]] = {}
        self._heads = SortedKeys[Head]()
        self._lanes = 0
        """Lines of runs with terms."""
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
            for line, waiting in groupby(due, itemgetter(2)):
                self._join_line_all(line, [*waiting])
        elif now < self._now:
            self._now = now
            for each in [each for line in self._lines.values() for each in line]:
                if each[0] > now:
                    self._leave_line(each)
                    self._later.add(each)

    @property
    def has_due(self) -> bool:
        """Whether a run is due."""
        return bool(self._heads)

    def in_line(self, is_closed: Callable[[Line], bool]) -> Iterator[tuple[Line, int]]:
        """Due runs with their lines, first in line first, all lines together.

        For use before the next change. `is_closed` is asked again and again: of a line that is
        closed nothing more is shown.
        """
        heads = iter(self._heads)
        head = next(heads, None)
        opened: list[tuple[datetime, int, Line, Iterator[Waiting]]] = []
        while head is not None or opened:
            if head is not None and not (opened and opened[0][:2] < head[:2]):
                if not is_closed(head[2]):
                    items = iter(self._lines[head[2]])
                    next(items)
                    heappush(opened, (*head, items))
                head = next(heads, None)
                continue
            _, run_id, line, items = heappop(opened)
            if is_closed(line):
                continue
            yield line, run_id
            if (following := next(items, None)) is not None:
                heappush(opened, (*_place(following), items))

    def lines(self) -> Iterable[Line]:
        """The lines in which runs are due, in no order."""
        return self._lines.keys()

    def has_line_of(self, job_ids: Iterable[int]) -> bool:
        """Whether a run with terms is due, or one of the jobs."""
        return self._lanes > 0 or any(job_id in self._lines for job_id in job_ids)

    def add_all(self, line: Line, waiting: Sequence[Waiting]) -> None:
        """As `add`, for many runs of one line, in ascending order."""
        place = bisect_right(waiting, (self._now, MAX_RUN_ID, 0))
        if place:
            self._join_line_all(line, waiting[:place])
        self._later.add_all(waiting[place:])

    def take_due(self, limit: int, since: datetime | None) -> list[Waiting]:
        """Take the first runs due at or after `since` out, at most `limit`, of all jobs.

        Only where no line is one of runs with terms.
        """
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
            self._drop(head[2])
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
        line = self._line(waiting[2])
        head = line.first
        line.add(waiting)
        self._reorder(head, line.first)

    def _join_line_all(self, key: Line, waiting: Sequence[Waiting]) -> None:
        line = self._line(key)
        head = line.first
        line.add_all(waiting)
        self._reorder(head, line.first)

    def _leave_line(self, waiting: Waiting) -> None:
        line = self._lines[waiting[2]]
        head = line.first
        line.discard(waiting)
        self._reorder(head, line.first)
        if not line:
            self._drop(waiting[2])

    def _line(self, key: Line) -> SortedKeys[Waiting]:
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = SortedKeys()
            self._lanes += isinstance(key, Lane)
        return line

    def _drop(self, key: Line) -> None:
        del self._lines[key]
        self._lanes -= isinstance(key, Lane)

    def _reorder(self, before: Waiting | None, after: Waiting | None) -> None:
        """The first run of a line is another one now."""
        if before == after:
            return
        if before is not None:
            self._heads.discard(_place(before))
        if after is not None:
            self._heads.add(_place(after))


def waiting_of(run: Run) -> Waiting:
    """A queued run's place in its line."""
    terms = run.terms
    if terms is None:
        return run.due_at, run.id, run.job_id
    lane = Lane(run.job_id, terms.queue, terms.concurrency_key, terms.priority)
    return run.due_at, run.id, lane


def _place(waiting: Waiting) -> Head:
    due_at, run_id, line = waiting
    if isinstance(line, int) or not line.priority:
        return waiting
    try:
        return due_at - line.priority * _AGEING, run_id, line
    except OverflowError:  # due when time began, or when it ends
        return waiting
