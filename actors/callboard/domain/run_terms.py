"""RunTerms: what a run was started under beside its arguments, where that is not the usual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from callboard.domain.given_terms import NO_TERMS, GivenTerms
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.limits import concurrency_key

AGEING_S: Final = 60.0
"""Seconds of waiting that weigh as much as one step of priority (R10)."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTerms:
    """Most runs have none. One that has some is claimed with more care."""

    priority: int = 0
    """A run of priority p is claimed as if it had waited p * AGEING_S longer than it has."""
    queue: str | None = None
    """The queue of its job when it was created."""
    concurrency_key: str | None = None
    """By its job's rule when it was created."""
    start_by: datetime | None = None
    """If it still waits at this instant, it ends as timed_out."""
    chain_until: datetime | None = None
    """At this instant its whole chain of attempts is over: it ends as timed_out, waiting or
    running, and no further attempt follows."""
    queue_timeout_s: float | None = None
    """Of its job when it was created: makes start_by anew whenever it begins to wait."""
    chain_timeout_s: float | None = None
    """Likewise: makes chain_until anew when an operator has it tried again."""
    timeout_s: float | None = None
    """Seconds that an attempt may take; None: the job's."""
    workflow_run_id: int | None = None
    """The workflow run that it is a part of."""
    instance_id: int | None = None
    """The batch instance that it is a run of; 0: it gets one when it begins; None: it is no run of
    a batch job."""
    bookmark: bool = False
    """Whether its success moves the job's bookmark."""
    annotations: JsonObject = field(default_factory=dict)
    """What whoever started it keeps with it."""

    @property
    def is_followed(self) -> bool:
        """Whether more has to be done in the transaction that ends it."""
        return self.bookmark or self.workflow_run_id is not None or self.instance_id is not None

    @property
    def is_batch(self) -> bool:
        """Whether it is a run of a batch job."""
        return self.instance_id is not None


_USUAL: Final = RunTerms()


def terms_of(
    job: Job,
    arguments: JsonObject,
    now: datetime,
    due_at: datetime,
    *,
    priority: int | None = None,
    given: GivenTerms | None = None,
) -> RunTerms | None:
    """The terms of the first attempt of a chain that is created now; None: the usual ones.

    Args:
        arguments: the run's own, the defaults among them.
        priority: another than the job's.
        given: with the start.
    """
    if not (job.has_terms or priority or given):
        return None
    beside = given or NO_TERMS
    terms = RunTerms(
        priority=job.priority if priority is None else priority,
        queue=job.queue,
        concurrency_key=_key(job, arguments),
        start_by=start_by_of(job, max(now, due_at)),
        chain_until=_later(now, job.chain_timeout_s),
        queue_timeout_s=job.queue_timeout_s,
        chain_timeout_s=job.chain_timeout_s,
        timeout_s=beside.timeout_s,
        workflow_run_id=beside.workflow_run_id,
        instance_id=(beside.instance_id or 0) if job.kind == "batch" else None,
        bookmark=job.bookmark is not None and job.bookmark.is_met(arguments),
        annotations=beside.annotations,
    )
    return None if terms == _USUAL else terms


def _key(job: Job, arguments: JsonObject) -> str | None:
    return None if job.concurrency is None else concurrency_key(job.concurrency, arguments)


def start_by_of(job: Job, due_at: datetime) -> datetime | None:
    """Until when a run of the job that is due then may wait; None: for ever."""
    return _later(due_at, job.queue_timeout_s)


def terms_to_json(terms: RunTerms | None) -> dict[str, Any] | None:
    """As it is stored: what is not the usual, instants as seconds since 1970."""
    if terms is None:
        return None
    given = {
        "priority": terms.priority or None,
        "queue": terms.queue,
        "concurrency_key": terms.concurrency_key,
        "start_by": terms.start_by and _seconds(terms.start_by),
        "chain_until": terms.chain_until and _seconds(terms.chain_until),
        "queue_timeout_s": terms.queue_timeout_s,
        "chain_timeout_s": terms.chain_timeout_s,
        "timeout_s": terms.timeout_s,
        "workflow_run_id": terms.workflow_run_id,
        "instance_id": terms.instance_id,
        "bookmark": terms.bookmark or None,
        "annotations": terms.annotations or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def terms_from_json(stored: Mapping[str, Any]) -> RunTerms:
    """From what `terms_to_json` made of it."""
    return RunTerms(
        priority=stored.get("priority", 0),
        queue=stored.get("queue"),
        concurrency_key=stored.get("concurrency_key"),
        start_by=_instant(stored.get("start_by")),
        chain_until=_instant(stored.get("chain_until")),
        queue_timeout_s=stored.get("queue_timeout_s"),
        chain_timeout_s=stored.get("chain_timeout_s"),
        timeout_s=stored.get("timeout_s"),
        workflow_run_id=stored.get("workflow_run_id"),
        instance_id=stored.get("instance_id"),
        bookmark=stored.get("bookmark", False),
        annotations=stored.get("annotations", {}),
    )


def waiting_terms(terms: RunTerms | None, now: datetime, due_at: datetime) -> RunTerms | None:
    """The terms of a run that begins to wait again: queued anew, or the next attempt.

    One that is held (due at the end of time) does not wait by itself: it has no start_by.
    """
    if terms is None or terms.queue_timeout_s is None:
        return terms
    return replace(terms, start_by=_later(max(now, due_at), terms.queue_timeout_s))


def renewed_terms(terms: RunTerms | None, now: datetime, due_at: datetime) -> RunTerms | None:
    """The same for one that an operator has tried again: its chain's time begins anew, too."""
    if terms is None:
        return None
    chain_until = _later(now, terms.chain_timeout_s)
    return waiting_terms(replace(terms, chain_until=chain_until), now, due_at)


def over_at(terms: RunTerms | None) -> datetime | None:
    """The instant at which a run that still waits times out; None: never."""
    if terms is None:
        return None
    start_by, chain_until = terms.start_by, terms.chain_until
    if start_by is None or chain_until is None:
        return start_by or chain_until
    return min(start_by, chain_until)


def _later(instant: datetime, seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return instant + timedelta(seconds=seconds)
    except OverflowError:  # of a run that is held: the end of time, and then some
        return None


def _seconds(instant: datetime) -> float:
    return (instant - _EPOCH) / timedelta(seconds=1)


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else _EPOCH + timedelta(seconds=seconds)
