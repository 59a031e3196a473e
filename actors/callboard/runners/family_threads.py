"""FamilyThreads: counts and ends families of processes in threads, for whoever is on the loop."""

from __future__ import annotations

import logging
from functools import partial
from typing import Final

from callboard.clock import Clock
from callboard.runners.family import Family
from callboard.runners.file_threads import FileThreads

LOOK_S: Final = 0.1
"""Seconds between two looks at how many processes there are."""
POLL_S: Final = 0.05
KILL_ROUNDS: Final = 40
"""How often what is left is killed again: some may be forking meanwhile."""

logger = logging.getLogger(__name__)


class FamilyThreads:
    """On the loop's thread; the threads are the caller's to close."""

    def __init__(self, threads: FileThreads, clock: Clock) -> None:
        """Args:
        clock: one that moves with the machine's time, as processes do.
        """
        self._threads = threads
        self._clock = clock

    async def count(self, family: Family, *, soon: bool = False) -> int:
        """How many of it live, see Family.living; 0 where that cannot be known in time."""
        look = partial(family.living, soon=soon)
        return len(await self._threads.call_briefly(look, default=()))

    async def ask_outsiders(self, family: Family) -> None:
        """As Family.ask_outsiders."""
        await self._threads.call_briefly(family.ask_outsiders, default=None)

    async def kill(self, family: Family, whose: str) -> None:
        """Until none is left: those that fork meanwhile are found again.

        What cannot be killed is left behind, and the log says so.

        Args:
            whose: "a command", for the log.
        """
        for _ in range(KILL_ROUNDS):
            if not await self._threads.call_briefly(family.kill, default=0):
                return
            await self._clock.sleep_until(self._clock.monotonic() + POLL_S)
        facts = {"event": "run.detached", "group": family.leader}
        logger.warning("processes of %s do not end and were left behind", whose, extra=facts)
