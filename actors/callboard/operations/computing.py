"""Work that may be long, beside an event loop that must not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
MUCH: Final = 2000
"""Steps of a history that take longer than an event loop should be blocked: some 50 ms."""


async def computed(size: int, work: Callable[[], T]) -> T:
    """What `work`, which waits for nothing, gives; from a thread where it is about much."""
    return await asyncio.to_thread(work) if size > MUCH else work()
