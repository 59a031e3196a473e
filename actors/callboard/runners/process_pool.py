"""ProcessPool: worker processes that are used again.

    taken     the idle worker that was busy last, or a new one; a moment later a spare is started
              when none is idle, so that the next run need not wait for imports
    given     back for another run, unless it has done its runs, has grown, or has something of the
    back      run still in it (children, limits): then it is replaced
    idle      for IDLE_S: it ends, the spare too; a node that runs nothing in processes keeps none

All of it on the loop's thread.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Final

from callboard.clock import Alarm
from callboard.runners.worker_process import WorkerProcess
from callboard.runners.worker_start import Start, WorkerNotStarted
from callboard.runners.worker_wire import Ended, Settle

IDLE_S: Final = 300.0
SPARE_S: Final = 0.5
"""Seconds after which a spare is started: until then the processor is the run's."""
MAX_GROWTH_MB: Final = 256.0
BURY_S: Final = 2.0

logger = logging.getLogger(__name__)


class ProcessPool:
    """Whoever takes workers takes `size` at the most at once; with spares they are no more."""

    def __init__(
        self,
        size: int,
        *,
        start: Start,
        settle: Callable[[], Settle],
        runs_per_worker: int,
        idle_s: float = IDLE_S,
    ) -> None:
        """Args:
        settle: what a new worker is told first.
        runs_per_worker: after so many it is replaced.
        """
        self._size = size
        self._start = start
        self._settle = settle
        self._runs_per_worker = runs_per_worker
        self._idle_s = idle_s
        self._numbers = itertools.count(1)
        self._all: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._left: set[WorkerProcess] = set()
        self._alarm: Alarm | None = None
        self._spare_alarm: Alarm | None = None
        self._is_closed = False

    @property
    def stuck(self) -> int:
        """Workers that were killed, left behind, and have not ended."""
        return len(self._left)

    @property
    def groups(self) -> list[int]:
        """The process groups of all workers."""
        return [worker.group for worker in self._all]

    def take(self) -> WorkerProcess:
        """A worker, for one run.

        Raises:
            WorkerNotStarted: the system gives no process.
        """
        if self._is_closed:
            raise WorkerNotStarted("no worker process: the board is closing")
        worker = self._idle.pop() if self._idle else self._new()
        self._want_spare()
        return worker

    def give_back(self, worker: WorkerProcess, ended: Ended, *, is_limited: bool) -> None:
        """Its run is over."""
        if worker.is_gone or not worker.is_trusted:
            return
        if ended.has_children:
            worker.kill()
        elif (
            is_limited
            or self._is_closed
            or worker.runs >= self._runs_per_worker
            or ended.grown_mb > MAX_GROWTH_MB
        ):
            worker.retire()
        else:
            worker.idle_since = self._now()
            self._idle.append(worker)
            self._look_at_idle()
        self._want_spare()

    def leave(self, worker: WorkerProcess) -> None:
        """Wait no longer for the end of one that was killed."""
        if not worker.is_gone:
            self._left.add(worker)

    def close(self) -> None:
        """Kill all workers and what they have started, and wait for their end."""
        self._is_closed = True
        for alarm in (self._alarm, self._spare_alarm):
            if alarm is not None:
                alarm.cancel()
        for worker in self._all:
            worker.kill()
        for worker in tuple(self._all):
            worker.bury(BURY_S)
        self._start.warden.close()

    def _now(self) -> float:
        return self._start.clock.monotonic()

    def _new(self) -> WorkerProcess:
        number = next(self._numbers)
        worker = WorkerProcess(self._start, self._settle(), number=number, on_gone=self._on_gone)
        self._all.add(worker)
        return worker

    def _want_spare(self) -> None:
        if not self._idle and self._spare_alarm is None and not self._is_closed:
            self._spare_alarm = self._start.clock.call_at(self._now() + SPARE_S, self._add_spare)

    def _add_spare(self) -> None:
        self._spare_alarm = None
        count = sum(worker.is_trusted for worker in self._all)
        if self._idle or count >= self._size:
            return
        try:
            spare = self._new()
        except WorkerNotStarted as error:
            logger.warning("no spare worker: %s", error)
            return
        spare.idle_since = self._now()
        self._idle.append(spare)
        self._look_at_idle()

    def _look_at_idle(self) -> None:
        """End those that were idle for too long; come again for the next one."""
        now = self._now()
        for worker in [one for one in self._idle if one.idle_since + self._idle_s <= now]:
            self._idle.remove(worker)
            worker.retire()
        if self._alarm is None and self._idle:
            oldest = min(worker.idle_since for worker in self._idle)
            self._alarm = self._start.clock.call_at(oldest + self._idle_s, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self._look_at_idle()

    def _on_gone(self, worker: WorkerProcess) -> None:
        self._all.discard(worker)
        self._left.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
