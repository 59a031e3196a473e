"""The events of one commit, made when somebody reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, overload

from callboard.domain.run import Run
from callboard.domain.run_end import RunEnd, ended
from callboard.events import EVENT_OF_STATE, Event, EventRecord


class Ended(Protocol):
    """A run as it was held, and its end."""

    @property
    def run(self) -> Run: ...
    @property
    def end(self) -> RunEnd: ...


def are_ended(events: Sequence[Event], jobs: Collection[tuple[str, str]]) -> bool:
    """Whether a run of these jobs, by group and name, ended; as cheap as can be where events are
    not made yet."""
    if isinstance(events, CommittedEvents):
        return events.are_ended(jobs)
    return any(event.run is not None and _is_end_of(event.run, jobs) for event in events)


def _is_end_of(run: Run, jobs: Collection[tuple[str, str]]) -> bool:
    return run.has_ended and (run.group, run.job) in jobs


class CommittedEvents(Sequence[Event]):
    """A sequence of events that is compared and serialised like any other.

    Most commits have no listener for their events: what they are made of is kept as it came out of
    the commit, and costs nothing as long as nobody looks.
    """

    __slots__ = ("_at", "_ended", "_made", "_queued", "_started", "_told", "first_seq")

    def __init__(
        self,
        *,
        first_seq: int,
        at: datetime,
        ended: Sequence[Ended] = (),
        queued: Sequence[Run] = (),
        started: Sequence[Run] = (),
        told: Sequence[tuple[EventRecord, Run | None]] = (),
    ) -> None:
        """Args, in the order of the numbers:
        ended: runs as they were held, each with its end.
        queued: runs as they were created.
        started: runs as they were claimed.
        told: other events, each with the run that it tells of.
        """
        self.first_seq = first_seq
        self._at = at
        self._ended = ended
        self._queued = queued
        self._started = started
        self._told = told
        self._made: tuple[Event, ...] | None = None

    def __len__(self) -> int:
        return len(self._ended) + len(self._queued) + len(self._started) + len(self._told)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Event, ...]: ...
    def __getitem__(self, index: int | slice) -> Event | tuple[Event, ...]:
        return self._all()[index]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.first_seq, len(self)))

    def __repr__(self) -> str:
        return repr(self._all())

    def _all(self) -> tuple[Event, ...]:
        if self._made is None:
            self._made = tuple(self._make())
        return self._made

    def are_ended(self, jobs: Collection[tuple[str, str]]) -> bool:
        """Whether a run of these jobs, by group and name, ended; nothing is made for it."""
        if any((one.run.group, one.run.job) in jobs for one in self._ended):
            return True
        return any(run is not None and _is_end_of(run, jobs) for _, run in self._told)

    def _make(self) -> Iterator[Event]:
        for seq, (type, run, subject) in enumerate(self._facts(), start=self.first_seq):
            yield Event(seq=seq, type=type, at=self._at, run=run, subject=subject)

    def _facts(self) -> Iterator[tuple[str, Run | None, Any]]:
        """Type, run and subject of each event."""
        for one in self._ended:
            yield EVENT_OF_STATE[one.end.state], ended(one.run, one.end), {}
        for run in (*self._queued, *self._started):
            yield EVENT_OF_STATE[run.state], run, {}
        for record, told_of in self._told:
            yield record.type, told_of, record.patch if told_of is None else {}
