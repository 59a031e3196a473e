"""What the measured handlers touch: a counter, and how late they were."""

from __future__ import annotations

import asyncio
import time


class Probe:
    """Of one process; its methods belong on the event loop."""

    def __init__(self) -> None:
        self.count = 0
        self.late_s: list[float] = []
        """Seconds from `due` to the first line of the handler."""
        self._target = 0
        self._reached: asyncio.Future[None] | None = None

    def hit(self, due: float) -> None:
        """A handler has begun; `due` is a Unix time, 0 where nobody asks."""
        if due:
            self.late_s.append(time.time() - due)
        self.count += 1
        if self.count == self._target and self._reached is not None:
            self._reached.set_result(None)

    def reset(self) -> None:
        """Forget what was counted, for the part that is measured."""
        self.count = 0
        self.late_s.clear()

    async def reached(self, count: int, *, within_s: float | None = None) -> bool:
        """Wait until so many handlers have begun since the reset; False: not in time."""
        if self.count < count:
            self._target = count
            self._reached = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._reached], timeout=within_s)
            self._reached = None
        return self.count >= count


PROBE = Probe()
"""The one of this process: peers find handlers by name, and handlers find nothing but this."""


async def hit(due: float = 0.0) -> None:
    """The measured job: a no-op that says it was here."""
    PROBE.hit(due)
