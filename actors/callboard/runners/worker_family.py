"""WorkerFamilies: the processes that came from workers, counted while a limit says so, and killed.

SIGKILL to a worker's group reaches what stayed in it; what left it (a daemon, a session of its own)
is found by the mark that all of a worker's processes carry.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from callboard.clock import Clock
from callboard.domain.run import RunError
from callboard.runners.file_threads import FileThreads
from callboard.runners.limit_signs import process_limit_words
from callboard.runners.worker_process import Died, WorkerProcess
from callboard.runners.worker_wire import Ended

LOOK_S: Final = 0.1
"""Seconds between two looks at how many processes there are."""
POLL_S: Final = 0.05
KILL_ROUNDS: Final = 40
"""How often what is left is killed again: some may be forking meanwhile."""

logger = logging.getLogger(__name__)


class WorkerFamilies:
    """On the loop's thread; what reads files does it in threads."""

    def __init__(self, clock: Clock) -> None:
        """Args:
        clock: one that moves with the machine's time, as processes do.
        """
        self._clock = clock
        self._threads = FileThreads(clock)

    def close(self) -> None:
        """End the threads."""
        self._threads.close()

    async def keep_small(
        self, worker: WorkerProcess, limit: int, end: asyncio.Future[Ended | Died]
    ) -> None:
        """Kill the worker when it and what came from it are more than `limit`; until the end."""
        while not end.done():
            await self._until(end, LOOK_S)
            count = len(await self._threads.call_briefly(worker.family.living, default=()))
            if count > limit and not end.done():
                words = process_limit_words(count, limit)
                worker.kill(RunError(type="ProcessLimit", message=words))
                await self.kill(worker)

    async def kill(self, worker: WorkerProcess) -> None:
        """End what is left of one that has ended, or was killed: until nothing is found any more.

        What cannot be killed is left behind, and named in the log.
        """
        for _ in range(KILL_ROUNDS):
            if not await self._threads.call_briefly(worker.family.kill, default=0):
                return
            await self._clock.sleep_until(self._clock.monotonic() + POLL_S)
        facts = {"event": "run.detached", "group": worker.group}
        logger.warning("processes of a worker do not end and were left behind", extra=facts)

    async def _until(self, end: asyncio.Future[Ended | Died], seconds: float) -> None:
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ring(_: object = None) -> None:
            if not over.done():
                over.set_result(None)

        alarm = self._clock.call_at(self._clock.monotonic() + seconds, ring)
        end.add_done_callback(ring)
        try:
            await over
        finally:
            alarm.cancel()
            end.remove_done_callback(ring)
