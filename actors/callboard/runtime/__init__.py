"""The pykka API on asyncio: actors, typed commands, timers, supervision, clean stop."""

from callboard.runtime.actor import AsyncioActor
from callboard.runtime.command import Command, ask, tell
from callboard.runtime.errors import (
    AskCycle,
    AskTimeout,
    ForkedAfterStart,
    HandlerCancelled,
    TooManyRestarts,
    WouldDeadlock,
)
from callboard.runtime.future import AsyncioFuture
from callboard.runtime.reply import Reply
from callboard.runtime.rounds import Rounds
from callboard.runtime.stopping import stop
from callboard.runtime.supervision import RestartPolicy, supervise
from callboard.runtime.tasks import begin_task
from callboard.runtime.timers import Timers

__all__ = [
    "AskCycle",
    "AskTimeout",
    "AsyncioActor",
    "AsyncioFuture",
    "Command",
    "ForkedAfterStart",
    "HandlerCancelled",
    "Reply",
    "RestartPolicy",
    "Rounds",
    "Timers",
    "TooManyRestarts",
    "WouldDeadlock",
    "ask",
    "begin_task",
    "stop",
    "supervise",
    "tell",
]
