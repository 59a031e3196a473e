"""Supervisor: starts the board's actors, restarts what crashes, stops them in order.

Receives
    GetChildren()          from board            -> refs by name
    Close(drain_s)         from board            -> None, when everything has stopped
    _Escalated(error)      from self             an actor crashed too often, or said Hopeless
    _Again(...)            from self             a fact that must not be missed is told again
Sends
    Drain                  to executor
    every Fact             to the actors that listen to it; a full mailbox misses it, which is
                           never worse than a late look, for facts are hints to their listeners;
                           runs that were assigned are told until they are heard
Owns
    children: refs by name, in the order of their start
States
    RUNNING -Close, _Escalated-> CLOSING -> stopped
Fails
    an actor over its restart limit: all are stopped, and the board is told why
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.errors import CallboardError, Overloaded
from callboard.events import (
    AssignmentUnsure,
    ClockJumped,
    Committed,
    Fact,
    Hinted,
    Hopeless,
    LeaseGained,
    LeaseLost,
    LeaseRenewed,
    LoopBlocked,
    RegistrationRefused,
    RunsAssigned,
    ShardsChanged,
    SlotsRefused,
    StoreChanged,
    WaitLimited,
)
from callboard.executor import Drain
from callboard.runtime import AsyncioActor, Command, RestartPolicy, ask, stop, supervise

STOP_S: Final = 5.0
AGAIN_S: Final = 0.1
LISTENERS: Final[Mapping[type, tuple[str, ...]]] = {
    Committed: ("stream", "executor", "scheduler", "backfiller", "notifier", "evaluator"),
    RunsAssigned: ("executor",),
    AssignmentUnsure: ("executor",),
    WaitLimited: ("timekeeper",),
    Hinted: (
        "stream",
        "registrar",
        "leader",
        "executor",
        "scheduler",
        "backfiller",
        "evaluator",
        "adopter",
        "notifier",
        "timekeeper",
    ),
    LeaseGained: ("leader", "executor"),
    LeaseRenewed: ("job_store", "executor"),
    LeaseLost: ("leader", "executor"),
    ClockJumped: ("leader", "scheduler"),
    LoopBlocked: (),
    RegistrationRefused: (),
    ShardsChanged: ("scheduler",),
    SlotsRefused: ("leader",),
    StoreChanged: (),
    Hopeless: (),
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Command[None]):
    """Stop firing, let running handlers end for `drain_s` seconds, hand back the rest, stop."""

    drain_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChildren(Command[Mapping[str, pykka.ActorRef[Any]]]):
    """The board's actors by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Escalated:
    error: CallboardError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    listener: str
    fact: RunsAssigned


Inbox: TypeAlias = GetChildren | Close | _Escalated | _Again
Factory: TypeAlias = Callable[["Supervisor"], AsyncioActor]


class Supervisor(AsyncioActor):
    def __init__(
        self,
        *,
        factories: Mapping[str, Factory],
        policy: RestartPolicy,
        observe: Callable[[Fact], None],
        on_failure: Callable[[CallboardError], None],
        clock: Clock,
    ) -> None:
        """Args:
        factories: they make the actors by name, in the order of their start.
        observe: called on the loop with every fact, before the listeners are told.
        on_failure: called once when the board cannot go on.
        """
        super().__init__(clock=clock)
        self._factories = factories
        self._policy = policy
        self._observe = observe
        self._on_failure = on_failure
        self._children: dict[str, pykka.ActorRef[Any]] = {}

    def on_start(self) -> None:
        for name, factory in self._factories.items():
            self._children[name] = supervise(
                partial(factory, self),
                on_escalate=lambda error: self.actor_ref.tell(_Escalated(error=error)),
                policy=self._policy,
                clock=self.clock,
            )

    async def on_receive(self, message: Inbox) -> Any:
        match message:
            case GetChildren():
                return dict(self._children)
            case Close():
                return await self._on_close(message)
            case _Escalated():
                return await self._on_escalated(message)
            case _Again():
                return self._tell(message.listener, message.fact)
            case _:
                return self.unexpected(message)

    def child(self, name: str) -> pykka.ActorRef[Any]:
        """The ref of an actor that was started before."""
        return self._children[name]

    def publish(self, fact: Fact) -> None:
        """Tell a fact to those who listen to it; called by the board's actors on the loop."""
        self._observe(fact)
        if isinstance(fact, Hopeless):
            self.actor_ref.tell(_Escalated(error=fact.error))
        for name in LISTENERS[type(fact)]:
            self._tell(name, fact)

    def _tell(self, name: str, fact: Fact) -> None:
        ref = self._children.get(name)
        if ref is None:
            return
        try:
            ref.tell(fact)
        except Overloaded as error:
            if isinstance(fact, RunsAssigned):
                again = _Again(listener=name, fact=fact)
                self.timers.send_after(f"again-{fact.life}-{fact.total}", AGAIN_S, again)
            else:
                logger.debug("%s misses %s: %s", name, type(fact).__name__, error)
        except pykka.ActorDeadError as error:
            logger.debug("%s misses %s: %s", name, type(fact).__name__, error)

    async def _on_close(self, message: Close) -> None:
        await self._stop("notifier")
        await self._stop("adopter")
        await self._stop("evaluator")
        await self._stop("backfiller")
        await self._stop("scheduler")
        await self._stop("leader")  # others take over while this node drains
        if "executor" in self._children:
            try:
                await ask(
                    self._children["executor"],
                    Drain(deadline_s=message.drain_s),
                    timeout=message.drain_s + STOP_S,
                    clock=self.clock,
                )
            except pykka.ActorDeadError:
                logger.debug("the executor has stopped before: nothing is left to drain")
            except CallboardError as error:
                logger.warning("the executor did not drain: %s", error)
        await self._stop_all()

    async def _on_escalated(self, message: _Escalated) -> None:
        await self._stop_all()
        self._on_failure(message.error)

    async def _stop_all(self) -> None:
        for name in reversed(tuple(self._children)):
            await self._stop(name)

    async def _stop(self, name: str) -> None:
        ref = self._children.get(name)
        if ref is not None and ref.is_alive():
            await stop(ref, deadline_s=STOP_S)
