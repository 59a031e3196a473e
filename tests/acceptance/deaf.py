"""A store that neither gives hints to other nodes nor gets any (T12)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from callboard.store.contract import Store


async def hear_nothing() -> None:
    await asyncio.Event().wait()


class DeafStore:
    """Another store without its hints.

    Args:
        listen: what listening does instead.
    """

    def __init__(self, store: Store, listen: Callable[[], Any] = hear_nothing) -> None:
        self._store = store
        self._listen = listen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def listen(self, on_hint: Callable[[str], None]) -> None:
        await self._listen()

    async def notify(self, topics: Sequence[str]) -> None:
        """Told to nobody."""
