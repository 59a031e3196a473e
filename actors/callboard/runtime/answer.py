"""How an answer reaches its asker: across threads by a future of pykka's, on one loop directly."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Never, TypeAlias

import pykka

Asker: TypeAlias = "pykka.Future[Any] | asyncio.Future[Any]"
"""Where an answer goes: pykka's future, or that of an asker on the actor's own loop."""


class Failed:
    """An answer that is an error."""

    __slots__ = ("error", "traceback")

    def __init__(self, error: BaseException, traceback: TracebackType | None) -> None:
        self.error = error
        self.traceback = traceback

    def give(self) -> Never:
        """Raise the error, as it was raised first."""
        raise self.error.with_traceback(self.traceback)


def deliver(asker: Asker, outcome: object) -> None:
    """Answer by a value, or by what Failed holds; from any thread.

    An asker on the loop that waits no more is passed over. It gets Failed itself: a future of
    asyncio would complain of an error that nobody fetched.
    """
    if isinstance(asker, asyncio.Future):
        loop = asker.get_loop()
        if asyncio._get_running_loop() is loop:
            settle(asker, outcome)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(settle, asker, outcome)
    elif type(outcome) is Failed:
        asker.set_exception((type(outcome.error), outcome.error, outcome.traceback))
    else:
        asker.set(outcome)


def settle(future: asyncio.Future[Any], outcome: object) -> None:
    """Set the future's result, unless it is done already; on its loop only."""
    if not future.done():
        future.set_result(outcome)
