"""Rounds: work of an actor beside its messages, one round at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Spawn(Protocol):
    """An actor's `spawn`."""

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]: ...


class Rounds:
    """Begins a round unless one is under way.

    What a round has to do is the actor's own state: who asks for more notes it there first, and the
    round that is under way sees it before it ends.
    """

    def __init__(
        self, work: Callable[[], Coroutine[Any, Any, None]], spawn: Spawn, *, name: str
    ) -> None:
        self._work = work
        self._spawn = spawn
        self._name = name
        self._is_under_way = False

    def begin(self) -> None:
        """Have a round made; nothing, where one is being made."""
        if not self._is_under_way:
            self._is_under_way = True
            self._spawn(self._round(), name=self._name)

    async def _round(self) -> None:
        try:
            await self._work()
        finally:
            self._is_under_way = False
