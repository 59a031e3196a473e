"""stop: end an actor within a deadline, whatever it is doing."""

from __future__ import annotations

import logging
from typing import Any

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from callboard.clock import Clock
from callboard.runtime.actor import AsyncioActor
from callboard.runtime.command import SYSTEM_CLOCK, arrives, questioning
from callboard.runtime.future import AsyncioFuture
from callboard.runtime.life import bury

logger = logging.getLogger(__name__)

CLEANUP_S = 1.0
"""Seconds that an actor has for `on_stop` after it was cut off at the deadline."""


async def stop(
    ref: pykka.ActorRef[Any], *, deadline_s: float = 10.0, clock: Clock | None = None
) -> bool:
    """Stop the actor; whether it ended by itself before the deadline.

    What waits in its mailbox is handled first, what comes after is refused. At the deadline its
    handler is cancelled and everybody who still waits for an answer gets ActorDeadError; `on_stop`
    then has CLEANUP_S seconds. A threading actor cannot be cut off, it is left to itself then.

    Args:
        clock: the actor's own by default.
    Raises:
        AskCycle: the actor waits for the caller.
    """
    ended: AsyncioFuture[None] = AsyncioFuture()
    actor = ref._actor_weakref()
    clock = clock or (actor.clock if isinstance(actor, AsyncioActor) else SYSTEM_CLOCK)
    if not ref.is_alive():
        return True
    with questioning(ref, "stop"):
        ref.actor_inbox.put(Envelope(_ActorStop(), ended))
        if await arrives(ended, deadline_s, clock):
            return True
        if isinstance(actor, AsyncioActor):
            await _cut_off(ref, ended, clock)
        return False


async def _cut_off(ref: pykka.ActorRef[Any], ended: AsyncioFuture[None], clock: Clock) -> None:
    # First the handler, then `on_stop`, then the wait for the actor's tasks.
    for _ in range(3):
        if (actor := ref._actor_weakref()) is not None:
            actor.actor_inbox.call_owner(actor._life.kill)
        if await arrives(ended, CLEANUP_S, clock):
            return
    logger.error("%s does not end although it was cancelled", ref.actor_class.__name__)
    if actor is not None:
        bury(actor)
