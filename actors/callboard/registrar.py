"""Registrar: keeps this node registered, its lease alive, and says when it is not.

Receives
    Hinted(topic)    from job store   the store came up: register at once
    _Beat()          from self        register, or renew the lease
Sends
    RegisterNode, RenewLease, DeregisterNode    to job store
    LeaseGained, LeaseRenewed, LeaseLost, Hopeless    to the board's other actors, through `publish`
Owns
    node: this node's registration, or None
States
    OUT -registered-> IN -taken away, or not renewed for most of the lease-> OUT
Fails
    StoreUnavailable: tries again; what others may have taken over is given up in time (H07)
    Conflict node_name_in_use: tries again until the other's lease would be over, then Hopeless
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import DeregisterNode, RegisterNode, RenewLease
from callboard.domain.node import Node
from callboard.errors import CallboardError, Conflict
from callboard.events import Hinted, Hopeless, LeaseGained, LeaseLost, LeaseRenewed
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

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beat:
    pass


Inbox: TypeAlias = Hinted | _Beat
Publish: TypeAlias = Callable[[LeaseGained | LeaseRenewed | LeaseLost | Hopeless], None]


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
        self._renewed_at = clock.monotonic()
        self._refused_at: float | None = None

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
        try:
            await (self._register() if self._node is None else self._renew(self._node))
        except CallboardError as error:
            self._beat_in(self._on_failure(error, began_at))
        else:
            self._beat_in(self._lease.total_seconds() / BEATS_PER_LEASE)

    async def _register(self) -> None:
        at = self.clock.monotonic()
        command = RegisterNode(node=self._candidate, lease=self._lease)
        self._node = await ask(self._job_store, command)
        self._renewed_at, self._refused_at = at, None
        self._publish(LeaseGained(node=self._node))

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
        skew_s = (self.clock.now() - renewal.now).total_seconds()
        self._publish(LeaseRenewed(skew_s=skew_s, stopping=renewal.stopping))

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
