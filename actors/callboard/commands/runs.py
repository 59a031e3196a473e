"""The beginning, the life and the end of runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callboard.domain.claimed import ClaimedRun as ClaimedRun
from callboard.domain.json import JsonObject
from callboard.domain.limits import RateLimit
from callboard.domain.run import NewRun, Run, RunError, StopMode
from callboard.domain.states import RunState
from callboard.runtime import Command
from callboard.store.contract import LogChunk, RunEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRuns(Command[tuple[Run, ...]]):
    """Create runs, all or none, in the given order.

    A run whose unique_key a live run of the job has is answered with that run. The same
    `idempotency_key` again answers the runs of the first time. Those of batch jobs make an instance
    each. Refused: InvalidInput for a job that does not exist, arguments that do not fit, or a
    previous run that is not one of the job, Conflict job_disabled, job_full, run_live or
    instance_already_exists.
    """

    runs: tuple[NewRun, ...]
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRuns(Command[tuple[ClaimedRun, ...]]):
    """Give up to `limit` due runs to the node of this epoch; they are running from now on.

    With `standing`, what is left of `limit` becomes an offer, until the node's next claim: runs
    that start here later may be created running, and come by the fact RunsAssigned.
    """

    epoch: int
    limit: int
    standing: bool = False
    seen: int = 0
    """RunsAssigned.total of the last one that the asker has got in this life: others are on their
    way to it, and `limit` is less by so many."""
    life: int = 0
    """A number that each life of the asker has to itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """The end of a held run, with what belongs to it."""

    run: Run
    """As it was claimed."""
    end: RunEnd
    retry_after_s: float | None = None
    """Seconds until the next attempt; None: there is none."""
    budget: RateLimit | None = None
    """Of the job's retries."""
    log: tuple[LogChunk, ...] = ()
    """What of the log is not stored yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRuns(Command[frozenset[int]]):
    """Record ends; the ids of those runs that their claims still held."""

    ended: tuple[EndedRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkRun(Command[bool]):
    """Put a held run aside for an operator; whether the claim still held it."""

    run_id: int
    epoch: int
    started_at: datetime | None = None
    """As in RunEnd."""
    error: RunError


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeRun(Command[bool]):
    """Queue a held run again, as the same attempt, due so much later; whether the claim held it.

    One that was to be stopped is stopped.
    """

    run_id: int
    epoch: int
    started_at: datetime | None = None
    """As in RunEnd."""
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOutRuns(Command[int]):
    """End queued runs that have waited for too long, `limit` at the most. How many."""

    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HandBack(Command[int]):
    """Queue again the runs that the node holds, but for those it knows of. How many.

    For a node that closes, or that did not learn what became of a claim of its own. No attempt is
    burnt; a run that was to be stopped is stopped. It ends the offer of the node's last claim; what
    is on its way by RunsAssigned to this life of the asker is kept, too.
    """

    epoch: int
    keep: frozenset[int] = frozenset()
    seen: int = 0
    life: int = 0
    """As in ClaimRuns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRun(Command[Run]):
    """Stop a queued run now, or ask the node that holds it to.

    Refused: NotFound, IllegalTransition when it has ended; of a batch run Conflict run_not_running.
    """

    run_id: int
    mode: StopMode
    grace_s: float | None = None
    """Seconds until it is killed; None: the usual ones, and of a batch run, which stops at the end
    of its chunk, as many as that takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRun(Command[Run]):
    """A new attempt after a run that ended without success, or a parked run queued again.

    A run of a trigger obeys the trigger's overlap policy, unless its firing is still live.
    Refused: NotFound, Conflict not_retryable, job_gone, job_disabled, overlap or job_full. Of a
    batch run it is RestartRun, unless it is parked.
    """

    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRuns(Command[tuple[int, ...]]):
    """As RetryRun for each of these runs that is in one of the states; ids of those queued by it.

    Passed over: runs that another attempt follows already, and what RetryRun refuses. A dry run
    writes nothing, and answers the ids of the runs themselves.
    """

    run_ids: tuple[int, ...]
    states: tuple[RunState, ...]
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonRun(Command[Run]):
    """Give up a failed, timed out or stopped run. Refused: NotFound, IllegalTransition.

    Of a batch run it closes the instance: no run of it can follow. One that was asked to stop may
    be given up, too: whoever holds it can write nothing more. An abandoned one is answered as it
    is. Refused: Conflict run_already_running, instance_already_complete, run_state_unknown.
    """

    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendLog(Command[None]):
    """Keep parts of logs of runs that the epoch holds; those of other runs are ignored."""

    epoch: int
    chunks: tuple[LogChunk, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportProgress(Command[None]):
    """Keep what runs said last of their progress; that of runs which the epoch does not hold is
    ignored."""

    epoch: int
    said: tuple[tuple[int, JsonObject], ...]
    """Ids of runs, each once, with done, total, note and at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HasStartRequests(Command[bool]):
    """Whether callers have committed starts that are no runs yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptStarts(Command[int]):
    """Make runs of the oldest starts that callers have committed, `limit` at the most. How many."""

    limit: int
