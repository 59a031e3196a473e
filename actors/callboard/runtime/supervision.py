"""Supervision: a crashed actor gets another life under the same ref, within limits."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pykka

from callboard.clock import Clock
from callboard.errors import FieldProblem, InvalidInput
from callboard.runtime.actor import AsyncioActor
from callboard.runtime.command import SYSTEM_CLOCK
from callboard.runtime.errors import TooManyRestarts
from callboard.runtime.life import bury

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How often a crashed actor is started again, and how soon."""

    max_restarts: int = 5
    """Restarts within the window; one crash more ends the actor."""
    window_s: float = 30.0
    """Seconds for which a crash counts."""
    backoff_initial_s: float = 0.1
    """Seconds before the first restart; doubled for every crash in the window."""
    backoff_max_s: float = 5.0
    """The longest such wait, in seconds."""

    def __post_init__(self) -> None:
        problems = [
            FieldProblem(name, f"{getattr(self, name)!r} is negative", "0 or more")
            for name in ("max_restarts", "window_s", "backoff_initial_s", "backoff_max_s")
            if not getattr(self, name) >= 0
        ]
        if problems:
            raise InvalidInput(*problems)

    def backoff_s(self, crashes: int) -> float:
        """Seconds to wait after so many crashes within the window, the last one included."""
        doublings = min(crashes - 1, 64)
        return min(self.backoff_max_s, self.backoff_initial_s * 2.0**doublings)


def supervise(
    factory: Callable[[], AsyncioActor],
    *,
    on_escalate: Callable[[TooManyRestarts], None],
    policy: RestartPolicy | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> pykka.ActorRef[Any]:
    """A ref to an actor that is made again by `factory` when it crashes.

    Ref and mailbox stay: what waits is handled by the next life, but for the message that the
    actor crashed on, which is logged. A stop is not a crash.

    Args:
        factory: makes a new actor each time, not yet started.
        on_escalate: called once on the loop when the policy gives up; the actor is dead then.
    """
    supervisor = _Supervisor(factory, policy or RestartPolicy(), clock, on_escalate)
    return supervisor.begin()


class _Supervisor:
    def __init__(
        self,
        factory: Callable[[], AsyncioActor],
        policy: RestartPolicy,
        clock: Clock,
        on_escalate: Callable[[TooManyRestarts], None],
    ) -> None:
        self._factory = factory
        self._policy = policy
        self._clock = clock
        self._on_escalate = on_escalate
        self._crashes: deque[float] = deque()
        self._last_fault: BaseException | None = None
        self._has_given_up = False
        self._actor = factory()

    def begin(self) -> pykka.ActorRef[Any]:
        self._actor._life.begin(self._run(), on_end=self._ended)
        return self._actor.actor_ref

    async def _run(self) -> None:
        fault = await self._actor._life.run()
        while fault is not None and not self._gives_up(fault):
            await self._pause()
            fault = await self._live_again()

    async def _live_again(self) -> BaseException | None:
        try:
            newborn = self._factory()
        except Exception as error:
            logger.exception("%s could not be made again", self._actor.actor_inbox.owner)
            return error
        newborn._follow(self._actor)
        self._actor = newborn
        return await newborn._life.run()

    def _gives_up(self, fault: BaseException) -> bool:
        now = self._clock.monotonic()
        self._crashes.append(now)
        while self._crashes[0] < now - self._policy.window_s:
            self._crashes.popleft()
        self._last_fault = fault
        self._has_given_up = len(self._crashes) > self._policy.max_restarts
        return self._has_given_up

    async def _pause(self) -> None:
        """Wait for the backoff; a stop cuts it short, so that what waits is still handled."""
        rung = False

        def ring() -> None:
            nonlocal rung
            rung = True
            mailbox.rouse()

        mailbox = self._actor.actor_inbox
        delay = self._policy.backoff_s(len(self._crashes))
        alarm = self._clock.call_at(self._clock.monotonic() + delay, ring)
        try:
            while not rung and not mailbox.is_stopping:
                await mailbox.arrival()
        finally:
            alarm.cancel()

    def _ended(self, error: BaseException | None) -> None:
        bury(self._actor)
        last = self._last_fault if self._has_given_up else error
        if last is None:
            return
        name, window_s = self._actor.actor_inbox.owner, self._policy.window_s
        escalation = TooManyRestarts(name, len(self._crashes), window_s, last)
        logger.error("%s", escalation)
        self._on_escalate(escalation)
