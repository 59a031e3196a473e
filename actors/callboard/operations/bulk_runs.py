"""What can be asked of many runs at once: to release parked ones, to try failed ones again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from callboard import commands as c
from callboard.domain.run import Run
from callboard.domain.states import UNSUCCESSFUL, RunState
from callboard.errors import invalid
from callboard.operations.asking import Asking
from callboard.store.contract import RunFilter

RUNS_PER_STEP: Final = 100
"""Of one transaction."""
MOST_RUNS: Final = 10_000
"""Of one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRuns:
    """What became of a bulk release or retry."""

    run_ids: tuple[int, ...]
    """Of the runs that are queued by it; of a dry run those of the runs that would be tried."""
    before_id: int | None
    """Where to go on: older runs were not looked at. None: there are none."""

    @property
    def count(self) -> int:
        return len(self.run_ids)


class BulkRunOperations(Asking):
    """The runs of a filter, newest first, in steps of one transaction each.

    A call that breaks off has done some of them; calling it again does the rest, and none twice.
    """

    async def release_runs(
        self, filter: RunFilter, *, error_type: str | None = None, dry_run: bool = False
    ) -> BulkRuns:
        """Queue parked runs of the filter again, `filter.limit` at the most.

        Args:
            error_type: only those that were parked for this reason, like UnknownHandler.
        """
        return await self._retry(replace(filter, states=(RunState.PARKED,)), error_type, dry_run)

    async def retry_runs(
        self, filter: RunFilter, *, error_type: str | None = None, dry_run: bool = False
    ) -> BulkRuns:
        """The next attempt of ended runs of the filter without success, as retry_run.

        Passed over: those that were tried again before, and those that retry_run refuses.

        Args:
            filter: its states are among failed (the usual one), timed_out, stopped and abandoned.
        """
        states = filter.states or (RunState.FAILED,)
        if others := [state.value for state in states if state not in UNSUCCESSFUL]:
            raise invalid("state", f"runs that are {others[0]} are not tried again", "failed")
        return await self._retry(replace(filter, states=states), error_type, dry_run)

    async def _retry(self, filter: RunFilter, error_type: str | None, dry_run: bool) -> BulkRuns:
        if not 1 <= filter.limit <= MOST_RUNS:
            raise invalid("limit", f"{filter.limit} is outside 1 to {MOST_RUNS}")
        done: list[int] = []
        before_id, most = filter.before_id, filter.limit
        while len(done) < most:
            step = min(RUNS_PER_STEP, most - len(done))
            page = replace(filter, before_id=before_id, limit=step)
            runs = await self._ask(c.ListRuns(filter=page))
            wanted = [run.id for run in runs if _is_of_type(run, error_type)]
            done += await self._retry_step(wanted, filter.states, dry_run)
            if len(runs) < step:
                return BulkRuns(run_ids=tuple(done), before_id=None)
            before_id = runs[-1].id
        return BulkRuns(run_ids=tuple(done), before_id=before_id)

    async def _retry_step(
        self, run_ids: Sequence[int], states: tuple[RunState, ...], dry_run: bool
    ) -> Sequence[int]:
        if not run_ids:
            return ()
        command = c.RetryRuns(run_ids=tuple(run_ids), states=states, dry_run=dry_run)
        return await self._ask(command, weight=len(run_ids))


def _is_of_type(run: Run, error_type: str | None) -> bool:
    return error_type is None or (run.error is not None and run.error.type == error_type)
