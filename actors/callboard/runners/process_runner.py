"""ProcessRunner: Python handlers in worker processes, where a kill is real.

    begin    the handler by `module:function`, the arguments as JSON; nothing is pickled
    stop     the worker is told: `ctx.stopping` is set, a coroutine handler cancelled
    kill     SIGKILL to the worker and whatever came from it; its place is free at once
    death    a worker that ends by itself fails its run with how it ended: a signal, an exit code

What a handler's threads print after their run's end is the log of the run that is on then, if any:
the worker has one standard output.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final, cast

from callboard.clock import Clock, wait_briefly
from callboard.domain.json import Json
from callboard.domain.run import RunError
from callboard.domain.spec_limits import limits_of
from callboard.domain.states import RunState
from callboard.runners.attempt import Attempt
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase
from callboard.runners.family_threads import LOOK_S, FamilyThreads
from callboard.runners.file_threads import FileThreads
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.limit_signs import process_limit_words
from callboard.runners.process_handler import Reference, reference_of, settle_of
from callboard.runners.process_pool import ProcessPool
from callboard.runners.worker_process import Died, Errand, WorkerProcess
from callboard.runners.worker_start import Start, WorkerNotStarted
from callboard.runners.worker_wire import Begin, Ended, facts_of, plain

LAST_CHANCE_S: Final = 5.0
"""Seconds between SIGKILL and letting go of a worker that even then does not end."""
ABANDON_S: Final = 1.0
POLL_S: Final = 0.01

logger = logging.getLogger(__name__)


class ProcessRunner:
    """Has runs executed by the workers of a pool of its own."""

    def __init__(
        self,
        registry: HandlerRegistry,
        capacity: int,
        *,
        start: Start,
        runs_per_worker: int,
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Args:
        capacity: workers at the most.
        runs_per_worker: runs after which a worker is replaced.
        hold: held while a worker works; a virtual clock's `hold` keeps its time still meanwhile.
        """
        self._registry = registry
        self._clock: Clock = start.clock
        self._hold = hold
        self._proven: set[str] = set()
        """Modules that workers have imported, and lived."""
        self._threads = FileThreads(self._clock)
        self._families = FamilyThreads(self._threads, self._clock)
        self._pool = ProcessPool(
            capacity,
            start=start,
            settle=lambda: settle_of(registry, self._proven, start.environ),
            runs_per_worker=runs_per_worker,
        )

    @property
    def stuck(self) -> int:
        """Workers that a kill did not end."""
        return self._pool.stuck

    @property
    def groups(self) -> list[int]:
        """The process groups of all workers, the idle ones too."""
        return self._pool.groups

    def close(self) -> None:
        """End the workers, and what they have started."""
        self._pool.close()
        self._threads.close()

    async def run(self, attempt: Attempt) -> Outcome:
        """Execute it in a worker.

        Raises:
            UnknownHandler: a worker cannot import the handler.
        """
        reference = reference_of(self._registry, str(attempt.job.spec["handler"]))
        try:
            worker = self._pool.take()
        except WorkerNotStarted as error:
            return _failed(RunError(type="WorkerNotStarted", message=str(error)))
        errand = Errand(attempt.log)
        worker.begin(_begin(attempt, reference, worker.runs + 1), errand)
        with self._hold():
            outcome = await self._ended(attempt, worker, errand)
        if outcome.state is RunState.SUCCEEDED:
            self._proven.add(reference.module)
        return outcome

    async def _ended(self, attempt: Attempt, worker: WorkerProcess, errand: Errand) -> Outcome:
        # The attempt outlives this: what it has told the worker may be meant for another run then.
        serial, limits = worker.runs, limits_of(attempt.job.spec)

        def press(phase: Phase) -> None:
            if not errand.end.done():
                self._press(worker, errand, serial, phase)

        attempt.control.listen(press)
        try:
            if limits is not None and limits.processes is not None:
                await self._keep_small(worker, limits.processes, errand.end)
            end = await errand.end
        except asyncio.CancelledError:
            worker.kill()
            await self._until_gone(worker)
            await self._kill(worker)
            raise
        if isinstance(end, Ended):
            self._pool.give_back(worker, end, is_limited=limits is not None)
            if end.has_children:
                await self._kill(worker)
            return end.to_outcome()
        if worker.is_gone:
            await self._kill(worker)
            return _failed(end.to_error(limits))
        return self._let_go(attempt, worker)

    async def _keep_small(
        self, worker: WorkerProcess, limit: int, end: asyncio.Future[Ended | Died]
    ) -> None:
        """Kill the worker when it and what came from it are more than `limit`; until the end."""
        while not end.done():
            await wait_briefly(end, LOOK_S, self._clock)
            count = await self._families.count(worker.family)
            if count > limit and not end.done():
                words = process_limit_words(count, limit)
                worker.kill(RunError(type="ProcessLimit", message=words))
                await self._kill(worker)

    async def _kill(self, worker: WorkerProcess) -> None:
        """End what is left of one that has ended, or was killed."""
        await self._families.kill(worker.family, "a worker")

    def _let_go(self, attempt: Attempt, worker: WorkerProcess) -> Outcome:
        facts = {"event": "run.detached", "run_id": attempt.run.id, "job": attempt.job.name}
        logger.warning("a worker process does not end and was left behind", extra=facts)
        self._pool.leave(worker)
        message = "the worker process did not end when it was killed, and still runs"
        return _failed(RunError(type="Detached", message=message))

    def _press(self, worker: WorkerProcess, errand: Errand, serial: int, phase: Phase) -> None:
        if phase is Phase.ASKED:
            worker.stop(serial)
            return
        worker.kill()

        def let_go() -> None:
            if not errand.end.done():
                errand.end.set_result(Died(code=0))

        alarm = self._clock.call_at(self._clock.monotonic() + LAST_CHANCE_S, let_go)
        errand.end.add_done_callback(lambda _: alarm.cancel())

    async def _until_gone(self, worker: WorkerProcess) -> None:
        over = self._clock.monotonic() + ABANDON_S
        while not worker.is_gone and (now := self._clock.monotonic()) < over:
            await self._clock.sleep_until(now + POLL_S)


def _begin(attempt: Attempt, reference: Reference, serial: int) -> Begin:
    job, run = attempt.clear_job, attempt.clear_run
    limits = cast("Mapping[str, Json] | None", job.spec.get("limits"))
    return Begin(
        serial=serial,
        handler=reference.name,
        reference=reference.path,
        is_vouched=reference.is_vouched,
        facts=facts_of(run),
        arguments=plain(run.arguments),
        limits=plain(limits) if limits else None,
        level=logging.root.level,
        secrets=attempt.secrets,
    )


def _failed(error: RunError) -> Outcome:
    return Outcome(state=RunState.FAILED, error=error)
