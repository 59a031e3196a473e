"""Verbs of a transaction on runs, and on what bounds them; see contract.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from callboard.domain.json import Json, JsonObject
from callboard.domain.limits import RateLimit
from callboard.domain.log import LogChunk
from callboard.domain.overlap import Firing
from callboard.domain.run import Run
from callboard.domain.run_end import RunEnd
from callboard.domain.start_request import StartRequest


class RunVerbs(Protocol):
    """A part of `contract.Transaction`."""

    # rates
    async def take_rate(self, name: str, limit: RateLimit, wanted: int) -> int:
        """How many of `wanted` the sliding window of that name still grants, 0 to `wanted`.

        They count at once, and not at all when the transaction is rolled back. Nobody else takes
        of the name until the commit: for several names, in ascending order.
        """
        ...

    # runs
    async def insert_runs(self, runs: Sequence[Run]) -> set[int]:
        """Ids of the runs that were stored, all in state queued.

        A run is left out when a live run of the same job has the same unique_key (also one earlier
        in `runs`).
        """
        ...

    async def lock_job_room(self, most: Mapping[int, int]) -> dict[int, int]:
        """How many runs of each of the jobs are queued, but not held, running or stopping, by job
        id.

        Counted up to `most` at least. Of jobs with max_concurrent_runs only. Nobody else is
        answered about one of the jobs until the commit. It locks nothing that other verbs do, and
        keeps nobody from claiming or ending runs.
        """
        ...

    async def read_runs(self, ids: Sequence[int]) -> dict[int, Run]:
        """Live and ended runs by id, as they are committed; nothing is locked."""
        ...

    async def live_runs_by_key(self, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Run]:
        """Live runs by (job_id, unique_key)."""
        ...

    async def claim_runs(self, epoch: int, limit: int) -> list[Run]:
        """Give up to `limit` queued runs whose due_at has come to a node, first in line first.

        They become running, with the node's name, epoch and started_at = now. None of them when
        the node's lease is over. Runs that another transaction has locked are passed over, and
        those whose time to wait is over (terms start_by, chain_until).

        In line: by due_at - priority * AGEING_S, then by id. Bounded over all nodes, always, are
        the runs in running and stopping of a job (`max_concurrent_runs`), of a concurrency key
        within its job (`concurrency.max_runs`) and of a queue (`capacity`), and the starts of a
        job and of a queue within a time (`rate_limit`). Nothing is claimed of a paused queue.
        """
        ...

    async def lock_runs(self, ids: Sequence[int]) -> dict[int, Run]:
        """Live and ended runs by id, the rows locked against other writers until the commit."""
        ...

    async def lock_old_runs(
        self, names: Sequence[tuple[str, str]], run_ids: Sequence[int] = ()
    ) -> None:
        """Lock the live runs of those of the triggers (group, name) whose policy stops old runs,
        and the given live runs, all of them in the order of ids."""
        ...

    async def live_firings(self, trigger_ids: Sequence[int]) -> list[Firing]:
        """Live firings of the triggers, oldest first; parked runs do not count.

        True until the commit, but for ends, for whoever has locked the triggers.
        """
        ...

    async def lock_held_runs(self, ids: Sequence[int]) -> list[Run]:
        """Those of the runs that are held, by id, the rows locked; others' locks passed over."""
        ...

    async def stalled_triggers(self, limit: int) -> list[int]:
        """Ids, ascending, that have held runs, or a delay that has not begun, and no live run.

        The id may be that of a trigger that was deleted.
        """
        ...

    async def queued_run_ids(self, job_id: int, limit: int) -> list[int]:
        """Ids of queued and parked runs of a job, ascending."""
        ...

    async def lock_overdue_runs(self, limit: int) -> list[Run]:
        """Queued runs whose time to wait is over (`run_terms.over_at`), the first ones first; rows
        locked, others' locks passed over."""
        ...

    async def lock_runs_of_lost_nodes(self, limit: int, *, but: int | None = None) -> list[Run]:
        """Running, stopping and lost runs whose epoch has no live node; rows locked, others' locks
        passed over. Those of the epoch `but` are left alone."""
        ...

    async def lock_runs_of_node(self, epoch: int) -> list[Run]:
        """Running and stopping runs that have this epoch; rows locked until the commit."""
        ...

    async def update_runs(self, runs: Sequence[Run]) -> None:
        """Write the changeable fields of locked live runs that stay live, or of locked ended ones.

        state, node, epoch, crashes, due_at, started_at, stop_mode, stop_grace_s, progress, error;
        of live ones their terms, too.
        """
        ...

    async def end_runs(self, ends: Sequence[RunEnd]) -> list[Run]:
        """End live runs that still have the given epoch, and started_at where one is given, and
        whose state may become the given one; those that did, as they are now.

        They leave the live runs for the history in the same statement.
        """
        ...

    async def completed_results(self, ids: Sequence[int]) -> dict[int, Json]:
        """Results of those of the live runs whose work was committed by their handlers
        themselves, by run id. All of the runs are locked until the commit."""
        ...

    async def take_start_requests(self, limit: int) -> list[StartRequest]:
        """Starts that callers have committed in transactions of their own, by run id; they are
        gone with the commit. Those that another transaction has are passed over."""
        ...

    async def report_progress(self, epoch: int, said: Mapping[int, JsonObject]) -> list[Run]:
        """Write the progress of those of the runs that this epoch holds, by id; as they are now."""
        ...

    async def last_log_seqs(self, ids: Sequence[int]) -> dict[int, int]:
        """Number of the last stored log line, by run id; runs without a log are left out."""
        ...

    async def append_log(self, chunks: Sequence[LogChunk], *, epoch: int | None = None) -> None:
        """Store chunks; one whose first line is stored already is ignored (a retried write).

        With `epoch`, so is one of a run that is not live under this epoch.
        """
        ...
