"""Registrar: keeps this node registered, its lease alive, and compares the clocks on the way.

The lease is renewed by the heart, a thread of its own; where there is none that can (a virtual
clock, the memory store, a host's pool that cannot be imitated), by this actor.

Receives
    Hinted(topic)            from job store   the store came up: register at once
    Renewed(...)             from heart       the store's answer to a renewal
    Failing(epoch, reason)   from heart       it cannot renew: this actor tries, through the store
    GivenUp(epoch, reason)   from heart       the lease could not be renewed in time
    LoopBlocked(...)         from heart       the event loop was held up, and turns again
    Stopped(reason)          from heart       it broke: so does this actor, and both begin anew
    _Beat()                  from self        register, renew, or see that the heart does
Sends
    RegisterNode, RenewLease, DeregisterNode, RecordClockJump    to job store
    ListNodes                to job store     who has this node's name
    LeaseGained, LeaseRenewed, LeaseLost, RegistrationRefused, ClockJumped, LoopBlocked, Hopeless
        to the board's other actors, through `publish`
Owns
    node: this node's registration, or None
    heart: a thread, ended with this actor
    clocks: where this node's wall clock and the store's stand, by the monotonic clock
    jumps: steps of clocks that no event tells of yet
States
    OUT -registered-> IN -taken away, or not renewed for most of the lease-> OUT
Fails
    StoreUnavailable: tries again; what others may have taken over is given up in time (H07);
        an event that could not be stored is stored at a later beat
    Conflict node_name_in_use: tries again until the other's lease would be over, then Hopeless;
        at once when the other is seen to renew it
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
from callboard.clocks import Clocks
from callboard.commands import (
    DeregisterNode,
    ListNodes,
    RecordClockJump,
    RegisterNode,
    RenewLease,
)
from callboard.domain.json import JsonObject
from callboard.domain.node import Node
from callboard.errors import BugError, CallboardError, Conflict, StoreUnavailable
from callboard.events import (
    ClockJumped,
    Hinted,
    Hopeless,
    LeaseGained,
    LeaseLost,
    LeaseRenewed,
    LoopBlocked,
    RegistrationRefused,
)
from callboard.heart import Heart, Stopped, Told
from callboard.pulse import (
    BEATS_PER_LEASE,
    GIVE_UP,
    LAST_TRY,
    RETRY_S,
    Failing,
    GivenUp,
    Renewed,
)
from callboard.runtime import AsyncioActor, ask

INSTANT_S: Final = 0.001
"""Less than this is no time: sums of seconds are rounded."""
NAME_PATIENCE: Final = 2.0
"""Leases to wait for a name that another node has: it may be dead already."""

RECORD_S: Final = 1.0
"""An event may take; the next renewal waits for it."""
MOST_JUMPS: Final = 100
"""Remembered while the store is away; of more, the newest."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beat:
    pass


Inbox: TypeAlias = Hinted | Renewed | Failing | GivenUp | LoopBlocked | Stopped | _Beat
Publish: TypeAlias = Callable[
    [
        LeaseGained
        | LeaseRenewed
        | LeaseLost
        | RegistrationRefused
        | ClockJumped
        | LoopBlocked
        | Hopeless
    ],
    None,
]
MakeHeart: TypeAlias = Callable[[Callable[[Told], None]], Heart]
"""Gets where the heart tells what it finds out; safe to call from a thread."""


def this_node(
    name: str | None, *, version: str, capacity: int, fires: bool = True, executes: bool = True
) -> Node:
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
        fires=bool(fires),
        executes=bool(executes),
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
        make_heart: MakeHeart | None = None,
        vitals: Callable[[float], JsonObject | None] = lambda _: None,
    ) -> None:
        """Args:
        node: this process, not registered yet.
        registered: its registration by an earlier life of this actor.
        make_heart: None where time does not pass by itself.
        vitals: what the node does at that instant of the monotonic clock, for its peers.
        """
        super().__init__(clock=clock)
        self._job_store = job_store
        self._publish = publish
        self._candidate = node
        self._lease = lease
        self._node = registered()
        self._was_registered = self._node is not None
        self._make_heart = make_heart
        self._heart: Heart | None = None
        self._vitals = vitals
        self._renewed_at = clock.monotonic()
        self._late_since: float | None = None
        self._refused_at: float | None = None
        self._refusal = ""
        self._namesake: Node | None = None
        self._jumps: deque[ClockJumped] = deque(maxlen=MOST_JUMPS)
        self._clocks = Clocks(clock, on_jump=self._on_jump)

    def on_start(self) -> None:
        if self._make_heart is not None:
            self._heart = self._make_heart(self.actor_ref.tell)
        if self._node is not None and self._heart is not None:
            self._heart.begin(self._node.epoch, asked_at=self._renewed_at, at_once=True)
        self._beat_in(0.0)

    def on_stop(self) -> Any:
        return self._leave()

    def on_failure(self, *_: object) -> None:
        if self._heart is not None:
            self._heart.stop()

    async def on_receive(self, message: Inbox) -> Any:
        match message:
            case Hinted():
                return await self._on_hinted(message)
            case Renewed():
                return await self._on_renewed(message)
            case Failing():
                return await self._on_failing(message)
            case GivenUp():
                return self._on_given_up(message)
            case LoopBlocked():
                return self._publish(message)
            case Stopped():
                raise BugError(f"the heart stopped: {message.reason}")
            case _Beat():
                return await self._on_beat()
            case _:
                return self.unexpected(message)

    async def _on_hinted(self, message: Hinted) -> None:
        if message.topic == "opened" and self._node is None:
            await self._on_beat()

    async def _on_beat(self) -> None:
        began_at = self.clock.monotonic()
        self._clocks.compare_own()
        try:
            if self._node is None:
                await self._register()
            elif self._heart is None or not self._heart.keeps_leases:
                await self._renew(self._node)
            else:
                self._check_heart(began_at)
            await self._record_jumps()
        except CallboardError as error:
            self._beat_in(self._on_failure(error, began_at))
        else:
            self._beat_in(self._next_beat_s())

    def _next_beat_s(self) -> float:
        lease_s = self._lease.total_seconds()
        left_s = self._give_up_at - self.clock.monotonic()
        if self._late_since is not None or left_s <= INSTANT_S:
            return LAST_TRY * lease_s
        return min(lease_s / BEATS_PER_LEASE, left_s)

    # what the heart tells

    async def _on_renewed(self, message: Renewed) -> None:
        node = self._node
        if node is None or node.epoch != message.epoch:
            return
        try:
            self._clocks.compare_own()
            await self._take(node, message)
        except CallboardError as error:  # of a new registration
            self._beat_in(self._on_failure(error, self.clock.monotonic()))

    async def _on_failing(self, message: Failing) -> None:
        """Renew by the store's own connection: there may be no room for one more (H07)."""
        node = self._node
        if node is None or node.epoch != message.epoch or self._heart is None:
            return
        try:
            await self._renew(node)
        except CallboardError as error:
            logger.info("nor can the store renew the lease: %s", error)
        else:
            if self._node is not None and self._node.epoch == node.epoch:
                self._heart.begin(node.epoch, asked_at=self._renewed_at)

    def _on_given_up(self, message: GivenUp) -> None:
        if self._node is not None and self._node.epoch == message.epoch:
            self._lose(message.reason)
            self._beat_in(RETRY_S)

    def _check_heart(self, now: float) -> None:
        """Give up when the heart is silent for longer than any renewal may take.

        Not at once: what it told may wait in the mailbox, of a loop that was blocked.
        """
        if now < self._give_up_at:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = now
        elif now - self._late_since > LAST_TRY * self._lease.total_seconds() - INSTANT_S:
            self._lose("nothing was heard of its renewal")

    async def _register(self) -> None:
        at = self.clock.monotonic()
        command = RegisterNode(
            node=self._candidate, lease=self._lease, is_start=not self._was_registered
        )
        try:
            self._node = await ask(self._job_store, command)
        except Conflict:
            await self._look_at_namesake()
            raise
        self._was_registered, self._refusal = True, ""
        self._renewed_at, self._refused_at, self._late_since = at, None, None
        if self._heart is not None:
            self._heart.begin(self._node.epoch, asked_at=at)
        answered_at = self.clock.monotonic()
        present, skew_s = self._clocks.compare_store(self._node.started_at, at, answered_at)
        self._publish(LeaseGained(node=self._node, present=present, skew_s=skew_s))

    async def _renew(self, node: Node) -> None:
        at = self.clock.monotonic()
        command = RenewLease(epoch=node.epoch, lease=self._lease, vitals=self._vitals(at))
        patience_s = self._patience_s(at)
        renewal = await ask(self._job_store, command, timeout=patience_s, clock=self.clock)
        answered_at = self.clock.monotonic()
        await self._take(
            node,
            Renewed(epoch=node.epoch, renewal=renewal, asked_at=at, answered_at=answered_at),
        )

    async def _take(self, node: Node, answer: Renewed) -> None:
        """Go on with the lease as the store says, or without it."""
        renewal = answer.renewal
        if renewal is None:
            self._lose("another node took over what this one held: its lease had ended")
            await self._register()
            return
        self._renewed_at, self._late_since = answer.asked_at, None
        self._node = replace(node, lease_until=renewal.lease_until)
        present, skew_s = self._clocks.compare_store(
            renewal.now, answer.asked_at, answer.answered_at
        )
        self._publish(
            LeaseRenewed(
                skew_s=skew_s,
                present=present,
                stopping=renewal.stopping,
                live_nodes=renewal.live_nodes,
            )
        )

    # what is to be told of clocks

    def _on_jump(self, jump: ClockJumped) -> None:
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
        if self._heart is not None and self._heart.keeps_leases:
            return min(RETRY_S, self._next_beat_s())  # an event was not stored; the lease is fine
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
        if isinstance(error, StoreUnavailable):
            return  # the job store tells of that
        if str(error) != self._refusal:
            self._refusal = str(error)
            logger.warning("this node is not registered yet: %s", error)
            self._publish(RegistrationRefused(reason=self._refusal))
        if isinstance(error, Conflict):
            self._refused_at = now if self._refused_at is None else self._refused_at
            if now - self._refused_at > NAME_PATIENCE * self._lease.total_seconds():
                self._publish(Hopeless(error=error))

    async def _look_at_namesake(self) -> None:
        """Go no further when whoever has the name is seen to renew its lease (H15)."""
        before = self._namesake
        nodes = await ask(self._job_store, ListNodes())
        now = next((node for node in nodes if node.name == self._candidate.name), None)
        self._namesake = now
        if now is None or before is None or now.epoch != before.epoch:
            return
        if now.lease_until > before.lease_until:
            message = (
                f"the name {now.name!r} belongs to a node that is alive: process {now.pid} on"
                f" {now.host!r}, started at {now.started_at:%Y-%m-%d %H:%M:%S} UTC;"
                " give this one another name"
            )
            self._publish(Hopeless(error=Conflict("node_name_in_use", message)))

    def _lose(self, reason: str) -> None:
        logger.error("this node gives up its runs: %s", reason)
        self._node = self._late_since = None
        if self._heart is not None:
            self._heart.rest()
        self._publish(LeaseLost(reason=reason))

    async def _leave(self) -> None:
        if self._heart is not None:
            await self._heart.close()
        if self._node is None:
            return
        try:
            await ask(self._job_store, DeregisterNode(epoch=self._node.epoch), timeout=3.0)
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.warning("this node's lease is left to end by itself: %s", error)

    def _beat_in(self, seconds: float) -> None:
        self.timers.send_after("beat", seconds, _Beat())
