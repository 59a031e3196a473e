"""The job of the scale measurement: a handler that does nothing, in the service's own process."""

from __future__ import annotations


async def nothing() -> None:
    """Be called; that is all."""
