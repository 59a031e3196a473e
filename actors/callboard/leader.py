"""Leader: this node's part of the scheduler's role: which shards it has, and the proof of it.

Receives
    LeaseGained(...)    from registrar   the node has an epoch: take part
    LeaseLost(reason)   from registrar   it has none any more
    ClockJumped(...)    from registrar   a step of the store's clock may have ended the lease
    SlotsRefused()      from scheduler   is what the node decides still its own?
    Hinted(topic)       from job store   others came, or released shards; or the store came up
    _Beat()             from self        renew the lease of the shards, move to the fair share
Sends
    ShareShards, EndFiring    to job store
    ShardsChanged             to the board's other actors, through `publish`
Owns
    epoch: under which the node takes part, or None
    former: under which it took part before, until the store has been told
    own: the shards that it has, as far as it knows
    proved_at: when the last renewal that was answered was sent, by the monotonic clock
States
    OUT -LeaseGained-> PASSIVE -took shards-> ACTIVE -released them, or others took them-> PASSIVE
    PASSIVE, ACTIVE -LeaseLost, or the epoch is over-> OUT
Fails
    StoreUnavailable: tries again; without a proof for most of the lease it has no shards (H04)

What it says is for the node's own use, and may be out of date: every transaction that stores slots
looks for itself whether the node has their shards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import EndFiring, Share, ShareShards
from callboard.domain.node import Node
from callboard.domain.shards import SHARDS, Scheduling
from callboard.errors import CallboardError
from callboard.events import (
    ClockJumped,
    Hinted,
    LeaseGained,
    LeaseLost,
    ShardsChanged,
    SlotsRefused,
)
from callboard.runtime import AsyncioActor, ask

BEATS_PER_LEASE: Final = 4
GIVE_UP: Final = 0.8
"""Share of the lease without a renewal after which the node has no shards any more."""
LAST_TRY: Final = 0.1
"""Share of the lease that a renewal may take at least, however late it is."""
RETRY_S: Final = 0.5
GATHER_S: Final = 0.02
"""A hint is followed by others: each node that makes room says so."""
LEAVE_S: Final = 3.0
NONE: Final[frozenset[int]] = frozenset()

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beat:
    pass


Inbox: TypeAlias = LeaseGained | LeaseLost | ClockJumped | SlotsRefused | Hinted | _Beat


class Leader(AsyncioActor):
    def __init__(
        self,
        *,
        job_store: pykka.ActorRef[Any],
        publish: Callable[[ShardsChanged], None],
        registered: Callable[[], Node | None],
        lease: timedelta,
        scheduling: Scheduling,
        clock: Clock,
    ) -> None:
        """Args:
        registered: the node's registration, if it came before this actor.
        lease: of the shards.
        """
        super().__init__(clock=clock)
        self._job_store = job_store
        self._publish = publish
        self._lease = lease
        self._scheduling = self._present_scheduling = scheduling
        node = registered()
        self._epoch = None if node is None else node.epoch
        self._former: int | None = None
        self._own = NONE
        self._is_new = self._must_tell = True
        self._proved_at = clock.monotonic()

    def on_start(self) -> None:
        self._beat_in(0.0)

    def on_stop(self) -> Any:
        return self._leave()

    async def on_receive(self, message: Inbox) -> Any:
        match message:
            case LeaseGained():
                return await self._on_lease_gained(message)
            case LeaseLost():
                return self._on_lease_lost(message)
            case ClockJumped():
                return await self._on_beat()
            case SlotsRefused():
                return await self._on_slots_refused()
            case Hinted():
                return self._on_hinted(message)
            case _Beat():
                return await self._on_beat()
            case _:
                return self.unexpected(message)

    async def _on_lease_gained(self, message: LeaseGained) -> None:
        self._step_out()
        self._epoch = message.node.epoch
        self._is_new = self._must_tell = True
        self._proved_at = self.clock.monotonic()
        await self._on_beat()

    def _on_lease_lost(self, message: LeaseLost) -> None:
        self._step_out()

    async def _on_slots_refused(self) -> None:
        if self.clock.monotonic() - self._proved_at >= RETRY_S:
            self._must_tell = True
            await self._on_beat()

    def _on_hinted(self, message: Hinted) -> None:
        if message.topic in ("shards", "opened"):
            self._beat_in(GATHER_S)

    async def _on_beat(self) -> None:
        if self._epoch is None:
            return
        began_at = self.clock.monotonic()
        try:
            share = await self._share(self._epoch, began_at)
        except (CallboardError, pykka.ActorDeadError) as error:
            self._beat_in(RETRY_S)
            self._on_failure(error)
        else:
            next_at = began_at + self._lease.total_seconds() / BEATS_PER_LEASE
            self._beat_in(max(0.0, next_at - self.clock.monotonic()))
            self._on_share(share, began_at)

    async def _share(self, epoch: int, now: float) -> Share | None:
        command = ShareShards(
            epoch=epoch,
            lease=self._lease,
            scheduling=self._scheduling,
            is_new=self._is_new,
            former=self._former,
        )
        timeout = self._patience_s(now)
        return await ask(self._job_store, command, timeout=timeout, clock=self.clock)

    def _patience_s(self, now: float) -> float:
        """How long a proof is waited for: until what it is for is given up anyway."""
        lease_s = self._lease.total_seconds()
        return max(self._give_up_at - now, LAST_TRY * lease_s) if self._own else lease_s

    def _on_share(self, share: Share | None, proved_at: float) -> None:
        if share is None:  # the registrar will find out, and register anew
            self._step_out()
            return
        self._proved_at, self._is_new, self._former = proved_at, False, None
        self._compare_scheduling(share.scheduling)
        self._have(share.own, taken_over=share.taken_over)

    def _compare_scheduling(self, present: Scheduling) -> None:
        """Say so, once, when the nodes were not all told the same."""
        if present is not self._present_scheduling and present is not self._scheduling:
            logger.warning(
                "this node was told scheduling=%s, but %s holds: the oldest node's setting counts"
                " for all; restart that one with the same",
                self._scheduling,
                present,
            )
        self._present_scheduling = present

    def _on_failure(self, error: Exception) -> None:
        if self._own and self.clock.monotonic() >= self._give_up_at:
            logger.warning("this node decides no slots for now: %s", error)
            self._drop()

    @property
    def _give_up_at(self) -> float:
        return self._proved_at + GIVE_UP * self._lease.total_seconds()

    def _step_out(self) -> None:
        self._drop()
        self._former, self._epoch = self._epoch or self._former, None

    def _drop(self) -> None:
        self._have(NONE)

    def _have(self, own: frozenset[int], *, taken_over: int = 0) -> None:
        if self._epoch is None or (own == self._own and not self._must_tell):
            return
        self._must_tell = False
        if taken_over:
            logger.warning(
                "%d of %d shards were taken over from nodes that gave no sign of life",
                taken_over,
                SHARDS,
            )
        self._own = own
        self._publish(ShardsChanged(epoch=self._epoch, own=own, taken_over=taken_over))

    async def _leave(self) -> None:
        if self._epoch is None:
            return
        try:
            await ask(self._job_store, EndFiring(epoch=self._epoch), timeout=LEAVE_S)
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.warning("the lease of this node's shards is left to end by itself: %s", error)

    def _beat_in(self, seconds: float) -> None:
        self.timers.send_after("beat", seconds, _Beat())
