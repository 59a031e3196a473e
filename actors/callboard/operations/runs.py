"""What can be asked about runs and their logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from callboard import commands as c
from callboard.domain.log import EVERYTHING, LogFilter, LogPage
from callboard.domain.run import NewRun, Run, StopMode
from callboard.domain.states import RunState
from callboard.operations.asking import found
from callboard.operations.log_tail import LogTail
from callboard.operations.stream import StreamOperations
from callboard.store.contract import LogLine, RunFilter
from callboard.subscription import EventFilter

RUN_POLL_S: Final = 5.0


class RunOperations(StreamOperations):
    """Starting, finding, waiting for and ending runs."""

    async def start_runs(
        self, runs: Sequence[NewRun], *, idempotency_key: str | None = None
    ) -> list[Run]:
        """Create runs, all or none, in one commit.

        A unique_key that a live run of the job has is answered with that run; an idempotency_key
        that was used before with the runs of then. One with a previous_run_id is the next attempt
        after that ended run. Raises InvalidInput at runs[i].job, arguments or previous_run_id,
        Conflict job_disabled, job_full, run_live or, of a batch job, instance_already_exists.
        """
        command = c.StartRuns(runs=tuple(runs), idempotency_key=idempotency_key)
        return list(await self._ask(command, weight=len(command.runs)))

    async def get_run(self, run_id: int) -> Run:
        """Raises NotFound."""
        return found(await self._ask(c.GetRun(run_id=run_id)), "run", run_id)

    async def get_runs(self, run_ids: Sequence[int]) -> dict[int, Run]:
        """Those of the runs that there are, by id."""
        return await self._ask(c.GetRuns(ids=tuple(run_ids))) if run_ids else {}

    async def has_run(self, run_id: int) -> bool:
        """Whether there is such a run."""
        return await self._ask(c.GetRun(run_id=run_id)) is not None

    async def list_runs(self, filter: RunFilter) -> list[Run]:
        """One page, newest first."""
        return await self._ask(c.ListRuns(filter=filter))

    async def stop_run(
        self, run_id: int, *, mode: StopMode = StopMode.COOPERATIVE, grace_s: float | None = None
    ) -> Run:
        """A queued run is stopped, a running one is asked to (state stopping).

        Raises NotFound; Conflict illegal_transition when it has ended, of a batch run
        run_not_running.

        Args:
            grace_s: until it is killed; None: 30 seconds, and of a batch run never.
        """
        return await self._ask(c.StopRun(run_id=run_id, mode=mode, grace_s=grace_s))

    async def retry_run(self, run_id: int) -> Run:
        """The next attempt of an ended run without success; a parked run is queued again."""
        return await self._ask(c.RetryRun(run_id=run_id))

    async def abandon_run(self, run_id: int) -> Run:
        """Give up a failed, timed out or stopped run for good. Raises NotFound, Conflict.

        Of a batch run it closes the instance, see `operator.abandon`.
        """
        return await self._ask(c.AbandonRun(run_id=run_id))

    async def wait_run(self, run_id: int, *, timeout_s: float | None = None) -> Run:
        """The run when it has ended or waits for an operator, or as it is when the time is over.

        Raises NotFound.
        """
        filter = EventFilter(run_id=run_id)
        deadline = None if timeout_s is None else self.clock.monotonic() + timeout_s
        async with self.subscribe(filter=filter, snapshot=False) as subscription:
            while not _is_settled(run := await self.get_run(run_id)):
                wait_s = RUN_POLL_S
                if deadline is not None:
                    wait_s = min(wait_s, deadline - self.clock.monotonic())
                if wait_s <= 0:
                    break
                await subscription.arrival(self.clock, wait_s)
            return run

    async def read_log(self, run_id: int, *, after: int = 0, limit: int = 1000) -> list[LogLine]:
        """Lines with seq > after. Raises NotFound."""
        lines = await self._ask(c.ReadLog(run_id=run_id, after=after, limit=limit))
        if not lines:
            await self.get_run(run_id)
        return lines

    async def search_log(
        self, run_id: int, filter: LogFilter, *, after: int = 0, limit: int = 1000
    ) -> LogPage:
        """Those lines with seq > after that the filter lets pass. Raises NotFound."""
        page = await self._ask(c.SearchLog(run_id=run_id, filter=filter, after=after, limit=limit))
        if not page.lines:
            await self.get_run(run_id)
        return page

    def follow_log(self, run_id: int, *, after: int = 0, filter: LogFilter = EVERYTHING) -> LogTail:
        """Lines with seq > after that the filter lets pass, as they are stored; ends with the
        run."""
        return LogTail(self, run_id, after, filter)


def _is_settled(run: Run) -> bool:
    """Whether nothing more becomes of it by itself."""
    return run.has_ended or run.state is RunState.PARKED
