"""StopLook: asks which runs of this node are to stop, when another node hints that some may be.

A renewal of the lease tells the same a quarter of the lease later at the most: a look that fails,
or a hint that is lost, costs no more than that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pykka

from callboard.commands import ListStoppingRuns
from callboard.domain.run import Run
from callboard.run_reports import ASK_S, OUTAGES, Spawn
from callboard.runtime import ask

logger = logging.getLogger(__name__)


class StopLook:
    """One look at a time; what is hinted meanwhile is seen by one more behind it."""

    def __init__(
        self, *, job_store: pykka.ActorRef[Any], spawn: Spawn, stop: Callable[[Run], None]
    ) -> None:
        """Args:
        stop: called with each run that was found; again where it was found before.
        """
        self._job_store = job_store
        self._spawn = spawn
        self._stop = stop
        self._epoch = 0
        self._is_wanted = self._is_looking = False

    def look(self, epoch: int) -> None:
        """Look among the runs that are held under this epoch, as soon as may be."""
        self._epoch = epoch
        self._is_wanted = True
        if not self._is_looking:
            self._is_looking = True
            self._spawn(self._look(), name="executor-stops")

    async def _look(self) -> None:
        try:
            while self._is_wanted:
                self._is_wanted = False
                command = ListStoppingRuns(epoch=self._epoch)
                for run in await ask(self._job_store, command, timeout=ASK_S):
                    self._stop(run)
        except OUTAGES as error:
            logger.debug("stops are seen with the next renewal: %s", error)
        finally:
            self._is_looking = False
