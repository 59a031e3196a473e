"""Which changes of a batch a cycle of the queue can do; the others are for a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from callboard.changes.job_cache import JobCache
from callboard.changes.waiting import Sink, Waiting
from callboard.commands import ClaimRuns, EndRuns, HandBack, StartRuns
from callboard.domain.job import Job, OnFull
from callboard.domain.run import NewRun

Start: TypeAlias = tuple[StartRuns, Sink, Job]
"""All runs of it are of this one job."""

_REFUSE: Final = OnFull.REFUSE


class Hot:
    """What of a batch goes by a cycle, in the order in which it came."""

    __slots__ = ("claim", "ends", "starts")

    def __init__(self) -> None:
        self.ends: list[tuple[EndRuns, Sink]] = []
        self.starts: list[Start] = []
        self.claim: tuple[ClaimRuns, Sink] | None = None

    def __len__(self) -> int:
        return len(self.ends) + len(self.starts) + (self.claim is not None)

    def __iter__(self) -> Iterator[Waiting]:
        yield from self.ends
        for command, sink, _ in self.starts:
            yield command, sink
        if self.claim is not None:
            yield self.claim


def split(batch: Sequence[Waiting], jobs: JobCache) -> tuple[Hot, list[Waiting]]:
    """What a cycle may be tried with, and the rest.

    A claim is left to the transaction where there is another one, or a hand-back: those take
    their turns.
    """
    hot, rest, claims = Hot(), list[Waiting](), list[tuple[ClaimRuns, Sink]]()
    for waiting in batch:
        change, sink = waiting
        if isinstance(change, StartRuns):
            job = hot_job(change, jobs)
            if job is None:
                rest.append(waiting)
            else:
                hot.starts.append((change, sink, job))
        elif isinstance(change, EndRuns):
            hot.ends.append((change, sink))
        elif isinstance(change, ClaimRuns):
            claims.append((change, sink))
            rest.append(waiting)
        else:
            rest.append(waiting)
    if len(claims) == 1 and not any(isinstance(change, HandBack) for change, _ in rest):
        hot.claim = claims[0]
        rest.remove(claims[0])
    return hot, rest


def hot_job(command: StartRuns, jobs: JobCache) -> Job | None:
    """The known, enabled job that all runs of the command are of; None where a decision is needed.

    All runs of one command are created, or none: a cycle promises that for runs of one job.
    """
    if command.idempotency_key is not None or not command.runs:
        return None
    first = command.runs[0]
    job = jobs.named(first.group, first.job)
    if job is None or job.disabled or job.has_terms or job.on_full is _REFUSE:
        return None
    for new in command.runs:
        if new.job != job.name or new.group != job.group or not _is_plain(new):
            return None
    if job.parameters is not None or job.fixed_arguments:
        fit = jobs.checks.fit
        for new in command.runs:
            if not fit(job, new.arguments):
                return None  # to be told why
    return job


def _is_plain(new: NewRun) -> bool:
    return (
        new.unique_key is None
        and not new.priority
        and new.terms is None
        and new.trigger_id is None
        and new.trigger is None
        and new.slot is None
        and new.chain_id is None
        and new.previous_run_id is None
        and new.attempt == 1
    )
