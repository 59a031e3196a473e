"""A subscriber's side of the stream: what it wants, and its bounded buffer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from callboard.clock import Clock
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.errors import CallboardError, Conflict
from callboard.events import Event
from callboard.store.contract import Snapshot

STEP: Final = "step."
"""How types of events begin that are about a step of a batch run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events a subscriber wants: every given condition holds; none: all of them."""

    group: str | None = None
    job: str | None = None
    trigger: str | None = None
    run_id: int | None = None
    states: tuple[RunState, ...] = ()

    def accepts(self, event: Event) -> bool:
        if event.type.startswith("run."):
            return self == EventFilter() if event.run is None else self.accepts_run(event.run)
        if event.type.startswith("clock."):
            return self == EventFilter()
        if event.type.startswith(STEP):
            return self._accepts_step(event.subject)
        thing = event.subject
        wanted = self.job if event.type.startswith("job.") else self.trigger
        return (
            self.run_id is None
            and not self.states
            and self.group in (None, thing.get("group"))
            and (wanted == thing.get("name") or (self.job is None and self.trigger is None))
        )

    def _accepts_step(self, step: JsonObject) -> bool:
        """Of a batch run; its subject has the job's name, and nobody knows the trigger."""
        return (
            self.group in (None, step.get("group"))
            and self.job in (None, step.get("name"))
            and self.run_id in (None, step.get("run_id"))
            and self.trigger is None
            and not self.states
        )

    def accepts_run(self, run: Run) -> bool:
        return (
            self.group in (None, run.group)
            and self.job in (None, run.job)
            and self.trigger in (None, run.trigger)
            and self.run_id in (None, run.id)
            and (not self.states or run.state in self.states)
        )


class EventsGone(Conflict):
    """The wanted events are no longer stored, or were never given."""

    def __init__(self, after: int, oldest: int, newest: int) -> None:
        self.after = after
        self.oldest = oldest
        self.newest = newest
        super().__init__(
            "events_gone",
            f"events after {after} cannot be given: {oldest} to {newest} are stored;"
            " begin again without `after`",
        )


class SubscriberTooSlow(CallboardError):
    """The subscriber's buffer is full; it was let go and may resume after number `after`."""

    def __init__(self, after: int) -> None:
        self.after = after
        super().__init__(f"too slow: events were dropped; resume with after={after}")


class Subscription:
    """One subscriber's place in the stream: `async with` and `async for`, once.

    Gives the Snapshot first where one was wanted, then every accepted Event in order.
    """

    def __init__(
        self, filter: EventFilter, buffer: int, on_close: Callable[[Subscription], None]
    ) -> None:
        self.filter = filter
        self.seq = 0
        """Number of the last event that was given or passed over by the filter."""
        self._taken = 0
        self._buffer = buffer
        self._items: deque[tuple[int, Event | Snapshot]] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._error: Exception | None = None
        self._on_close = on_close
        self.is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the stream; a waiting `async for` ends."""
        if not self.is_closed:
            self.is_closed = True
            self._wake.set()
            self._room.set()
            self._on_close(self)

    @property
    def taken(self) -> int:
        """Number of the last event that the subscriber has behind it: where to resume."""
        return self._taken

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Snapshot:
        """Safe to cancel: nothing is lost by it."""
        while True:
            while self._items:
                seq, item = self._items.popleft()
                self._taken = seq
                self._room.set()
                return item
            if self._error is not None:
                raise self._error
            if self.is_closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()

    @property
    def room(self) -> int:
        """How many items the buffer still takes."""
        return max(0, self._buffer - len(self._items))

    async def arrival(self, clock: Clock, seconds: float) -> None:
        """Return when something arrived, which is taken out, or after so many seconds."""
        alarm = clock.call_at(clock.monotonic() + seconds, self._wake.set)
        try:
            if not self._items and not self.is_closed:
                self._wake.clear()
                await self._wake.wait()
        finally:
            alarm.cancel()
        self._items.clear()
        self._room.set()

    async def wait_for_room(self) -> None:
        """Return once the buffer takes another item, or the subscriber has left."""
        while not self.room and not self.is_closed:
            self._room.clear()
            await self._room.wait()

    def pass_over(self, seq: int) -> None:
        """Note that events up to `seq` are behind, though none of them was wanted."""
        self.seq = seq
        if not self._items:
            self._taken = seq

    def offer(self, event: Event) -> None:
        """Give the event when the filter accepts it, pass it over otherwise."""
        if self.filter.accepts(event):
            self.give(event.seq, event)
        else:
            self.pass_over(event.seq)

    def give(self, seq: int, item: Event | Snapshot) -> None:
        self.seq = seq
        self._items.append((seq, item))
        self._wake.set()

    def fail(self, error: Exception) -> None:
        """End the stream by an error, behind what is buffered already."""
        self._error = error
        self._wake.set()
