"""Pulse: when a node's lease is renewed, and when it is given up; without thread, timer or task.

Whoever has one calls `step` again and again, and waits for as long as that says. A renewal blocks
the caller until its deadline at the most.

A lease that was last asked for at t (by the monotonic clock) and lasts for L
    t + L/4, L/2, 3L/4    is asked for again; after a failure more often
    t + 0.8 L             is given up; no renewal is waited for any longer
    later                 this process stood still: one short try tells whether anybody took it over
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from callboard.clock import Clock
from callboard.domain.json import JsonObject
from callboard.errors import CallboardError
from callboard.store.contract import LeaseLine, Renewal

BEATS_PER_LEASE: Final = 4
RETRY_S: Final = 0.5
TELL_AFTER: Final = 2
"""Failures: one may be just a connection that broke."""
GIVE_UP: Final = 0.8
"""Share of the lease without a renewal after which the node gives up what it holds."""
LAST_TRY: Final = 0.1
"""Share of the lease that the try of a process may take that stood still."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """The store answered a renewal."""

    epoch: int
    renewal: Renewal | None
    """None: the lease was taken away."""
    asked_at: float
    """By the monotonic clock, in seconds."""
    answered_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """The lease could not be renewed by this way, twice: another way may be there."""

    epoch: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """The lease is not renewed any more, and what is held under it has to be given up."""

    epoch: int
    reason: str


Post: TypeAlias = Callable[[Renewed | Failing | GivenUp], None]


@dataclass(slots=True, kw_only=True)
class _Lease:
    epoch: int
    renewed_at: float
    next_at: float
    failures: int = 0
    """Since it was last renewed."""
    reason: str = ""
    """Of the newest failure."""


class Pulse:
    """Keeps one lease at a time alive."""

    def __init__(
        self,
        *,
        line: LeaseLine,
        post: Post,
        lease: timedelta,
        block_limit_s: float,
        vitals: Callable[[float], JsonObject | None],
        clock: Clock,
    ) -> None:
        """Args:
        post: gets what the owner of the lease has to know.
        block_limit_s: a lease is not renewed behind an event loop that was blocked for so long.
        vitals: what the node does at that instant of the monotonic clock, for its peers.
        """
        self._line = line
        self._post = post
        self._length = lease
        self._block_limit_s = block_limit_s
        self._vitals = vitals
        self._clock = clock
        self._lease: _Lease | None = None

    def begin(self, epoch: int, *, asked_at: float, at_once: bool = False) -> None:
        """Keep the lease of this epoch, which was asked for at that instant.

        With `at_once` by a renewal now: how old the lease is is not known.
        """
        next_at = asked_at if at_once else asked_at + self._beat_s
        self._lease = _Lease(epoch=epoch, renewed_at=asked_at, next_at=next_at)

    def rest(self) -> None:
        """Keep none."""
        self._lease = None

    def step(self, now: float, *, blocked_s: float = 0.0) -> float | None:
        """Do what is due; seconds until something will be, None: never.

        Args:
            blocked_s: for how long the event loop has not turned.
        """
        lease = self._lease
        if lease is None:
            return None
        if blocked_s >= self._block_limit_s:
            self._give_up(lease, f"the event loop has been blocked for {blocked_s:.0f} s")
            return None
        if now >= lease.next_at:
            self._renew(lease, now)
        if self._lease is None:
            return None
        return max(0.0, lease.next_at - self._clock.monotonic())

    def _renew(self, lease: _Lease, now: float) -> None:
        patience_s = self._patience_s(lease, now)
        if patience_s <= 0:
            self._give_up(lease, f"the lease could not be renewed: {lease.reason}")
            return
        vitals = self._seen(now)
        try:
            renewal = self._line.renew(lease.epoch, self._length, vitals, deadline_s=patience_s)
        except CallboardError as error:
            self._on_failure(lease, error)
        else:
            self._on_answer(lease, renewal, now)

    def _seen(self, now: float) -> JsonObject | None:
        try:
            return self._vitals(now)
        except Exception:
            # It looks at what other threads change meanwhile; the lease is worth more than it.
            logger.warning("no vitals for this once", exc_info=True)
            return None

    def _patience_s(self, lease: _Lease, now: float) -> float:
        """How long a renewal is waited for: until the node has to give up."""
        left_s = self._give_up_at(lease) - now
        if left_s > 0 or lease.failures:
            return left_s
        # Nothing was wrong, and yet it is too late: the process was stopped, or starved. Nobody may
        # have taken the lease away, and then nothing is lost (H02, T06).
        stood_s = now - lease.next_at
        logger.warning("this process stood still for %.1f s, its lease may be over", stood_s)
        return LAST_TRY * self._length.total_seconds()

    def _on_answer(self, lease: _Lease, renewal: Renewal | None, asked_at: float) -> None:
        if renewal is None:
            self._lease = None
        else:
            lease.renewed_at, lease.next_at = asked_at, asked_at + self._beat_s
            lease.failures = 0
        self._post(
            Renewed(
                epoch=lease.epoch,
                renewal=renewal,
                asked_at=asked_at,
                answered_at=self._clock.monotonic(),
            )
        )

    def _on_failure(self, lease: _Lease, error: CallboardError) -> None:
        now, give_up_at = self._clock.monotonic(), self._give_up_at(lease)
        lease.reason, lease.failures = str(error), lease.failures + 1
        if now >= give_up_at:
            self._give_up(lease, f"the lease could not be renewed: {error}")
            return
        logger.info("the lease is not renewed for now: %s", error)
        if lease.failures == TELL_AFTER:
            self._post(Failing(epoch=lease.epoch, reason=lease.reason))
        lease.next_at = min(now + RETRY_S, give_up_at)

    def _give_up(self, lease: _Lease, reason: str) -> None:
        self._lease = None
        self._post(GivenUp(epoch=lease.epoch, reason=reason))

    def _give_up_at(self, lease: _Lease) -> float:
        return lease.renewed_at + GIVE_UP * self._length.total_seconds()

    @property
    def _beat_s(self) -> float:
        return self._length.total_seconds() / BEATS_PER_LEASE
