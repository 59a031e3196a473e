"""The streams that are open: how many, and the sign for all of them to end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from callboard_service.problems import RETRY_AFTER_S, Refusal


class Streams:
    """Owned by one application."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._closing = asyncio.Event()
        self.count = 0

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Count a client while the block runs.

        Raises:
            Refusal: overloaded.
        """
        if self.count >= self._most:
            detail = f"{self.count} streams are open already"
            raise Refusal("overloaded", detail, headers={"Retry-After": str(RETRY_AFTER_S)})
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1

    @property
    def is_closing(self) -> bool:
        return self._closing.is_set()

    def close(self) -> None:
        """Tell every stream, and whoever else waits, to end."""
        self._closing.set()

    async def closed(self) -> None:
        """Return when they are told to end."""
        await self._closing.wait()
