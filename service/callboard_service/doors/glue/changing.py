"""Changes of what was read before, which others may change meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from callboard.errors import StaleVersion
from callboard_service.doors.glue.faults import concurrent_modification

TRIES: Final = 50

T = TypeVar("T")


async def undisturbed(change: Callable[[], Awaitable[T]], what: str) -> T:
    """What the change gives when nobody has got in its way; it begins anew where somebody has.

    Args:
        change: reads, and stores with the version that it has read.
        what: it changes, for the error: `Job x`.

    Raises:
        GlueFault: ConcurrentModificationException, after many tries.
    """
    for _ in range(TRIES):
        try:
            return await change()
        except StaleVersion:
            continue
    raise concurrent_modification(f"{what} is being changed by others all the time.")
