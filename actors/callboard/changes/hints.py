"""Hints to other nodes, behind the commits that they tell of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Protocol

from callboard.errors import CallboardError
from callboard.store.contract import Store

ALWAYS: Final = frozenset({"stops"})
"""Whoever holds the run may have come since this node last counted the others."""

logger = logging.getLogger(__name__)


class Spawn(Protocol):
    """An actor's `spawn`."""

    def __call__(self, work: Coroutine[Any, Any, None], /, *, name: str) -> asyncio.Task[None]: ...


class Hints:
    """One is on its way at a time; what comes up meanwhile goes out together behind it.

    A hint only hurries: one that fails is nothing.
    """

    def __init__(self, store: Store, spawn: Spawn, *, is_wanted: Callable[[], bool]) -> None:
        self._store = store
        self._spawn = spawn
        self._is_wanted = is_wanted
        self._topics: set[str] = set()
        self._sending: asyncio.Task[None] | None = None

    def tell(self, topics: Iterable[str]) -> None:
        """Hint that there is something new, as soon as may be."""
        self._topics.update(topics if self._is_wanted() else ALWAYS.intersection(topics))
        if self._topics and self._sending is None:
            self._sending = self._spawn(self._send(), name="job-store-notify")

    async def sent(self) -> None:
        """Return when nothing is on its way."""
        while (sending := self._sending) is not None:
            await asyncio.wait([sending])

    async def _send(self) -> None:
        try:
            while self._topics:
                topics = sorted(self._topics)
                self._topics.clear()
                await self._store.notify(topics)
        except CallboardError as error:
            logger.debug("other nodes got no hint: %s", error)
        finally:
            self._sending = None
