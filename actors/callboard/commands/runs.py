"""The beginning, the life and the end of runs."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.domain.claimed import ClaimedRun as ClaimedRun
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
