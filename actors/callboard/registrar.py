"""Registrar: keeps this node registered, its lease alive, and compares the clocks on the way.

Receives
    Hinted(topic)    from job store   the store came up: register at once
    _Beat()          from self        register, or renew the lease
Sends
    RegisterNode, RenewLease, DeregisterNode, RecordClockJump    to job store
    LeaseGained, LeaseRenewed, LeaseLost, ClockJumped, Hopeless    to the board's other actors,
        through `publish`
Owns
    node: this node's registration, or None
    own, present: where this node's wall clock and the store's stand, by the monotonic clock
    jumps: steps of clocks that no event tells of yet
States
    OUT -registered-> IN -taken away, or not renewed for most of the lease-> OUT
Fails
    StoreUnavailable: tries again; what others may have taken over is given up in time (H07);
        an event that could not be stored is stored at a later beat
    Conflict node_name_in_use: tries again until the other's lease would be over, then Hopeless
"""

from __future__ import annotations

import logging
import os
import platform
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import DeregisterNode, RecordClockJump, RegisterNode, RenewLease
from callboard.domain.node import Node
from callboard.domain.timeline import Timeline, timeline_of
from callboard.errors import CallboardError, Conflict
from callboard.events import (
    ClockJumped,
    ClockSource,
    Hinted,
    Hopeless,
    LeaseGained,
    LeaseLost,
    LeaseRenewed,
)
from callboard.runtime import AsyncioActor, ask

RETRY_S: Final = 0.5
INSTANT_S: Final = 0.001
"""Less than this is no time: sums of seconds are rounded."""
BEATS_PER_LEASE: Final = 4
GIVE_UP: Final = 0.8
"""Share of the lease without a renewal after which the node gives up what it holds."""
LAST_TRY: Final = 0.1
"""Share of the lease that a renewal may take at least, however late it is."""
NAME_PATIENCE: Final = 2.0
"""Leases to wait for a name that another node has: it may be dead already."""

JUMP_S: Final = 1.0
"""A clock that is put right by less is slewed, as time daemons do; that is nobody's concern."""
RECORD_S: Final = 1.0
"""An event may take; the next renewal waits for it."""
MOST_JUMPS: Final = 100
"""Remembered while the store is away; of more, the newest."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beat:
    pass


Inbox: TypeAlias = Hinted | _Beat
Publish: TypeAlias = Callable[
    [LeaseGained | LeaseRenewed | LeaseLost | ClockJumped | Hopeless], None
]


def this_node(name: str | None, *, version: str, capacity: int) -> Node:
    """This process as a node that is not registered yet; without a name it gets host-pid."""
    host = platform.node() or "localhost"
    never = datetime(1970, 1, 1, tzinfo=UTC)
    return Node(
        epoch=0,
        name=name or f"{host}-{os.getpid()}",
        host=host,
        pid=os.getpid(),
        version=version,
        capacity=capacity,
        started_at=never,
        lease_until=never,
    )


class Registrar(AsyncioActor):
    def __init__(
        self,
        *,
        job_store: pykka.ActorRef[Any],
        publish: Publish,
        node: Node,
        registered: Callable[[], Node | None],
        lease: timedelta,
        clock: Clock,
    ) -> None:
        """Args:
        node: this process, not registered yet.
        registered: its registration by an earlier life of this actor.
        """
        super().__init__(clock=clock)
        self._job_store = job_store
        self._publish = publish
        self._candidate = node
        self._lease = lease
        self._node = registered()
        self._was_registered = self._node is not None
        self._renewed_at = clock.monotonic()
        self._refused_at: float | None = None
        self._own = self._read_own_clock()
        self._present: Timeline | None = None
        self._jumps: deque[ClockJumped] = deque(maxlen=MOST_JUMPS)

    def on_start(self) -> None:
        self._beat_in(0.0)

    def on_stop(self) -> Any:
        return self._leave()

    async def on_receive(self, message: Inbox) -> Any:
        match message:
            case Hinted():
                return await self._on_hinted(message)
            case _Beat():
                return await self._on_beat()
            case _:
                return self.unexpected(message)

    async def _on_hinted(self, message: Hinted) -> None:
        if message.topic == "opened" and self._node is None:
            await self._on_beat()

    async def _on_beat(self) -> None:
        began_at = self.clock.monotonic()
        self._compare_own_clock()
        try:
            await (self._register() if self._node is None else self._renew(self._node))
            await self._record_jumps()
        except CallboardError as error:
            self._beat_in(self._on_failure(error, began_at))
        else:
            self._beat_in(self._lease.total_seconds() / BEATS_PER_LEASE)

    async def _register(self) -> None:
        at = self.clock.monotonic()
        command = RegisterNode(
            node=self._candidate, lease=self._lease, is_start=not self._was_registered
        )
        self._node = await ask(self._job_store, command)
        self._was_registered = True
        self._renewed_at, self._refused_at = at, None
        present = self._compare_store_clock(self._node.started_at, at)
        skew_s = self._own.ahead_of(present)
        self._publish(LeaseGained(node=self._node, present=present, skew_s=skew_s))

    async def _renew(self, node: Node) -> None:
        at = self.clock.monotonic()
        command = RenewLease(epoch=node.epoch, lease=self._lease)
        patience_s = self._patience_s(at)
        renewal = await ask(self._job_store, command, timeout=patience_s, clock=self.clock)
        if renewal is None:
            self._lose("another node took over what this one held: its lease had ended")
            await self._register()
            return
        self._renewed_at = at
        self._node = replace(node, lease_until=renewal.lease_until)
        present = self._compare_store_clock(renewal.now, at)
        skew_s = self._own.ahead_of(present)
        self._publish(LeaseRenewed(skew_s=skew_s, present=present, stopping=renewal.stopping))

    # clocks

    def _read_own_clock(self) -> Timeline:
        asked_at = self.clock.monotonic()
        shown = self.clock.now()
        return timeline_of(shown, asked_at=asked_at, answered_at=self.clock.monotonic())

    def _compare_own_clock(self) -> None:
        reading = self._read_own_clock()
        self._note_jump(ClockSource.NODE, self._own.step_to(reading))
        self._own = self._own.after(reading)

    def _compare_store_clock(self, shown: datetime, asked_at: float) -> Timeline:
        """Where the store's clock stands, which showed that instant in a transaction just now."""
        reading = timeline_of(shown, asked_at=asked_at, answered_at=self.clock.monotonic())
        if self._present is None:
            self._present = reading
        self._note_jump(ClockSource.STORE, self._present.step_to(reading))
        self._present = self._present.after(reading)
        return self._present

    def _note_jump(self, source: ClockSource, by_s: float) -> None:
        if abs(by_s) < JUMP_S:
            return
        where = "ahead" if by_s > 0 else "back"
        logger.warning("the clock of the %s stepped %s by %.3f s", source, where, abs(by_s))
        jump = ClockJumped(source=source, by_s=by_s)
        self._jumps.append(jump)
        self._publish(jump)

    async def _record_jumps(self) -> None:
        while self._jumps:
            jump = self._jumps[0]
            command = RecordClockJump(
                node=self._candidate.name, source=jump.source, by_s=round(jump.by_s, 6)
            )
            await ask(self._job_store, command, timeout=RECORD_S, clock=self.clock)
            self._jumps.popleft()

    def _patience_s(self, began_at: float) -> float:
        """How long a renewal that began then is waited for: until the node has to give up."""
        return max(self._give_up_at - began_at, LAST_TRY * self._lease.total_seconds())

    @property
    def _give_up_at(self) -> float:
        return self._renewed_at + GIVE_UP * self._lease.total_seconds()

    def _on_failure(self, error: CallboardError, began_at: float) -> float:
        """Seconds until the next try."""
        now = self.clock.monotonic()
        if self._node is None:
            self._on_refusal(error, now)
            return RETRY_S
        left_s = self._give_up_at - now
        if left_s > INSTANT_S:
            return min(RETRY_S, left_s)
        slack_s = LAST_TRY * self._lease.total_seconds()
        if now - began_at > self._patience_s(began_at) + slack_s:
            # Not the store was late but this process, whose loop somebody held up: the lease may
            # still be there, and what is held has outlived it anyway (T06).
            return 0.0
        self._lose(f"the lease could not be renewed: {error}")
        return RETRY_S

    def _on_refusal(self, error: CallboardError, now: float) -> None:
        if isinstance(error, Conflict):
            self._refused_at = now if self._refused_at is None else self._refused_at
            if now - self._refused_at > NAME_PATIENCE * self._lease.total_seconds():
                self._publish(Hopeless(error=error))
            logger.warning("this node waits for its name: %s", error)

    def _lose(self, reason: str) -> None:
        logger.error("this node gives up its runs: %s", reason)
        self._node = None
        self._publish(LeaseLost(reason=reason))

    async def _leave(self) -> None:
        if self._node is None:
            return
        try:
            await ask(self._job_store, DeregisterNode(epoch=self._node.epoch), timeout=3.0)
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.warning("this node's lease is left to end by itself: %s", error)

    def _beat_in(self, seconds: float) -> None:
        self.timers.send_after("beat", seconds, _Beat())
