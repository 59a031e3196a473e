"""The beginning, the life and the end of runs."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.domain.job import Job
from callboard.domain.run import NewRun, Run, RunError, StopMode
from callboard.runtime import Command
from callboard.store.contract import LogChunk, RunEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRuns(Command[tuple[Run, ...]]):
    """Create runs, all or none, in the given order.

    A run whose unique_key a live run of the job has is answered with that run. The same
    `idempotency_key` again answers the runs of the first time. Refused: InvalidInput for a job
    that does not exist, Conflict job_disabled.
    """

    runs: tuple[NewRun, ...]
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRun:
    """A run that the node has to execute now, with its job's present definition."""

    run: Run
    job: Job | None
    """None: the job was deleted."""
    log_seq: int = 0
    """Number of the last line that an earlier holder of the run logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRuns(Command[tuple[ClaimedRun, ...]]):
    """Give up to `limit` due runs to the node of this epoch; they are running from now on."""

    epoch: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """The end of a held run, with what belongs to it."""

    end: RunEnd
    retry_after_s: float | None = None
    """Seconds until the next attempt; None: there is none."""
    log: tuple[LogChunk, ...] = ()
    """What of the log is not stored yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRuns(Command[frozenset[int]]):
    """Record ends; the ids of those runs that the epoch still held."""

    ended: tuple[EndedRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkRun(Command[bool]):
    """Put a held run aside for an operator; whether the epoch still held it."""

    run_id: int
    epoch: int
    error: RunError


@dataclass(frozen=True, slots=True, kw_only=True)
class HandBack(Command[int]):
    """Queue again the runs that the node holds, but for those it knows of. How many.

    For a node that closes, or that did not learn what became of a claim of its own. No attempt is
    burnt; a run that was to be stopped is stopped.
    """

    epoch: int
    keep: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRun(Command[Run]):
    """Stop a queued run now, or ask the node that holds it to.

    Refused: NotFound, IllegalTransition when it has ended.
    """

    run_id: int
    mode: StopMode
    grace_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRun(Command[Run]):
    """A new attempt after a run that ended without success, or a parked run queued again.

    A run of a trigger obeys the trigger's overlap policy, unless its firing is still live.
    Refused: NotFound, Conflict not_retryable, job_gone, job_disabled or overlap.
    """

    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonRun(Command[Run]):
    """Give up a failed or stopped run. Refused: NotFound, IllegalTransition."""

    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendLog(Command[None]):
    """Keep parts of logs of runs that the epoch holds; those of other runs are ignored."""

    epoch: int
    chunks: tuple[LogChunk, ...]
