"""The last events, kept in memory so that a short absence costs no read."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import takewhile

from callboard.events import Event


class RecentEvents:
    """Whole commits, the latest ones, about `limit` events; what nobody asks for is never made."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._parts: deque[tuple[int, Sequence[Event]]] = deque()
        """With the number of its last event."""

    def add(self, last_seq: int, events: Sequence[Event]) -> None:
        """Keep events with greater numbers than all before."""
        self._parts.append((last_seq, events))
        self._count += len(events)
        while self._count > self._limit and len(self._parts) > 1:
            self._count -= len(self._parts.popleft()[1])

    def after(self, seq: int) -> list[Event]:
        """Those that are kept and have a number greater than `seq`, ascending."""
        late = list(takewhile(lambda part: part[0] > seq, reversed(self._parts)))
        return [event for _, events in reversed(late) for event in events if event.seq > seq]
