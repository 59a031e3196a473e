"""Stream: every event, in order, to any number of subscribers.

Receives
    Committed(...)                  from job store  this node's own commits
    Hinted(topic)                   from job store  another node may have committed
    Subscribe(...)                  from board      -> Subscription
    _Poll()                         from self       look for other nodes' commits
Sends
    ReadEvents, GetRuns, EventRange, TakeSnapshot   to job store
Owns
    position: number of the last event that was passed to live subscribers
    subscribers: live ones get events as they come, the others read history until they are level
States
    a subscriber is CATCHING_UP -level with position-> LIVE -closed, or too slow-> gone
Fails
    StoreUnavailable: subscribers wait; the next look goes on where they were
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import EventRange, GetRuns, ReadEvents, TakeSnapshot
from callboard.domain.run import Run
from callboard.errors import CallboardError
from callboard.events import Committed, Event, EventBatch, Hinted, run_as_of
from callboard.recent_events import RecentEvents
from callboard.runtime import AsyncioActor, Command, ask
from callboard.store.contract import Snapshot
from callboard.subscription import (
    STEP,
    EventFilter,
    EventsGone,
    SubscriberTooSlow,
    Subscription,
)

REPLAY_BATCHES: Final = 100
"""Commits of history read in one step of catching up."""
RECENT: Final = 10_000
"""Events kept in memory, so that a short absence costs no read."""
SNAPSHOT_LIMIT: Final = 10_000
RETRY_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe(Command[Subscription]):
    """Follow the events.

    `after`: go on behind that number; None: from now on, with a Snapshot first where wanted.
    Refused: EventsGone.
    """

    filter: EventFilter = field(default_factory=EventFilter)
    after: int | None = None
    snapshot: bool = True
    buffer: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Poll:
    pass


Inbox: TypeAlias = Committed | Hinted | Subscribe | _Poll


class Stream(AsyncioActor):
    def __init__(self, *, job_store: pykka.ActorRef[Any], poll_s: float, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._job_store = job_store
        self._poll_s = poll_s
        self._position: int | None = None
        self._recent = RecentEvents(RECENT)
        self._given: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._live: set[Subscription] = set()
        self._live_by_run: dict[int, set[Subscription]] = {}
        self._is_reading = self._look_again = False

    def on_start(self) -> None:
        self.timers.send_after("poll", self._poll_s, _Poll())

    def on_stop(self) -> None:
        for subscription in self._given:
            subscription.close()

    def on_failure(self, *_: object) -> None:
        self.on_stop()  # they may resume where they were

    def on_receive(self, message: Inbox) -> Any:
        match message:
            case Committed():
                return self._on_committed(message)
            case Hinted():
                return self._on_hinted(message)
            case Subscribe():
                return self.later(self._on_subscribe(message))
            case _Poll():
                return self._on_poll()
            case _:
                return self.unexpected(message)

    def _on_committed(self, message: Committed) -> None:
        if not message.count:
            return
        is_next = self._position is None or message.first_seq <= self._position + 1
        if is_next or not self._live_count():
            self._publish(message.first_seq, message.events)
        else:  # what another node committed comes before it
            self._look()

    def _on_hinted(self, message: Hinted) -> None:
        if message.topic in ("events", "opened"):
            self._look()

    def _on_poll(self) -> None:
        self._look()
        self.timers.send_after("poll", self._poll_s, _Poll())

    async def _on_subscribe(self, message: Subscribe) -> Subscription:
        subscription = Subscription(message.filter, message.buffer, self._forget)
        self._given.add(subscription)
        if message.after is not None:
            await self._resume(subscription, message.after)
        elif message.snapshot:
            taken = await ask(self._job_store, TakeSnapshot(limit=SNAPSHOT_LIMIT))
            subscription.give(taken.seq, _filtered(taken, message.filter))
        else:
            _, newest = await ask(self._job_store, EventRange())
            subscription.pass_over(newest)
        self.spawn(self._catch_up(subscription), name="stream-catch-up")
        return subscription

    async def _resume(self, subscription: Subscription, after: int) -> None:
        oldest, newest = await ask(self._job_store, EventRange())
        if not oldest - 1 <= after <= newest:
            raise EventsGone(after, oldest, newest)
        subscription.pass_over(after)

    async def _catch_up(self, subscription: Subscription) -> None:
        """Give history until the subscriber is level with the live ones, then make it live."""
        while not subscription.is_closed and not self._join(subscription):
            try:
                await self._give_history(subscription)
            except pykka.ActorDeadError:
                subscription.close()
            except CallboardError:
                await self._pause()

    async def _give_history(self, subscription: Subscription) -> None:
        events = await self._history(subscription.seq)
        for event in events:
            await subscription.wait_for_room()
            subscription.offer(event)
        if events:
            return
        if self._live_count():
            await self._read_on()
        self._position = max(subscription.seq, self._position or 0)

    def _join(self, subscription: Subscription) -> bool:
        """Make the subscriber live if memory holds all that it has not got yet."""
        if self._position is None or subscription.seq > self._position:
            return False
        missed = self._recent.after(subscription.seq)
        if len(missed) != self._position - subscription.seq or len(missed) > subscription.room:
            return False
        for event in missed:
            subscription.offer(event)
        self._home(subscription).add(subscription)
        return True

    def _home(self, subscription: Subscription) -> set[Subscription]:
        run_id = subscription.filter.run_id
        return self._live if run_id is None else self._live_by_run.setdefault(run_id, set())

    def _forget(self, subscription: Subscription) -> None:
        run_id = subscription.filter.run_id
        home = self._home(subscription)
        home.discard(subscription)
        if run_id is not None and not home:
            del self._live_by_run[run_id]

    def _live_count(self) -> int:
        return len(self._live) + len(self._live_by_run)

    def _look(self) -> None:
        """Read what other nodes committed, when somebody wants to know."""
        self._look_again = True
        if self._live_count() and not self._is_reading:
            self.spawn(self._read_on_safely(), name="stream-read-on")

    async def _read_on_safely(self) -> None:
        try:
            await self._read_on()
        except (CallboardError, pykka.ActorDeadError):
            pass  # the next hint, commit or poll looks again

    async def _read_on(self) -> None:
        """Pass on what is stored, until nothing came meanwhile."""
        self._is_reading = True
        try:
            while self._position is not None:
                self._look_again = False
                if events := await self._history(self._position):
                    self._publish(events[0].seq, events)
                elif not self._look_again:
                    break
        finally:
            self._is_reading = False

    async def _history(self, after: int) -> list[Event]:
        batches = await ask(self._job_store, ReadEvents(after=after, limit=REPLAY_BATCHES))
        ids = {record.run_id for batch in batches for record in batch.records if record.run_id}
        runs = await ask(self._job_store, GetRuns(ids=tuple(ids))) if ids else {}
        return [event for event in _events_of(batches, runs) if event.seq > after]

    def _publish(self, first_seq: int, events: Sequence[Event]) -> None:
        """Pass on what lies behind the position; nothing is made when nobody listens."""
        last_seq = first_seq + len(events) - 1
        if self._position is not None:
            if last_seq <= self._position:
                return
            if first_seq <= self._position:
                events = events[self._position + 1 - first_seq :]
        self._position = last_seq
        self._recent.add(last_seq, events)
        if self._live_count():
            for event in events:
                self._deliver(event)

    def _deliver(self, event: Event) -> None:
        listeners = tuple(self._live)
        if self._live_by_run and (run_id := _run_of(event)) in self._live_by_run:
            listeners += tuple(self._live_by_run[run_id])
        for subscription in listeners:
            if subscription.room:
                subscription.offer(event)
            else:
                subscription.fail(SubscriberTooSlow(subscription.seq))
                self._forget(subscription)

    async def _pause(self) -> None:
        await self.clock.sleep_until(self.clock.monotonic() + RETRY_S)


def _run_of(event: Event) -> int:
    """The run that it is about, or whose step; 0: no single one."""
    if event.run is not None:
        return event.run.id
    run_id = event.subject.get("run_id") if event.type.startswith(STEP) else None
    return run_id if isinstance(run_id, int) else 0


def _events_of(batches: Sequence[EventBatch], runs: dict[int, Run]) -> list[Event]:
    return [
        _event(batch, seq, runs)
        for batch in batches
        for seq in range(batch.first_seq, batch.last_seq + 1)
    ]


def _event(batch: EventBatch, seq: int, runs: dict[int, Run]) -> Event:
    record = batch.records[seq - batch.first_seq]
    if record.run_id is None:
        return Event(seq=seq, type=record.type, at=batch.at, subject=record.patch)
    run = runs.get(record.run_id)
    then = run_as_of(run, record) if run is not None else None
    return Event(seq=seq, type=record.type, at=batch.at, run=then)


def _filtered(snapshot: Snapshot, filter: EventFilter) -> Snapshot:
    return replace(snapshot, runs=tuple(run for run in snapshot.runs if filter.accepts_run(run)))
