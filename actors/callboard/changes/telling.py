"""What is told of a transaction once it is committed: to this board, and to other nodes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from callboard.changes.work import Work
from callboard.committed_events import CommittedEvents
from callboard.domain.run import Run
from callboard.domain.run_terms import over_at
from callboard.events import Committed, WaitLimited

TOPIC_OF_TYPE: Final[Mapping[str, str]] = {"run.queued": "runs", "run.stopping": "stops"}
BACKFILL: Final = "backfill.changed"
DELIVERIES: Final = "deliveries"
QUEUE: Final = frozenset({"queue.changed", "queue.deleted"})
"""Runs that wait in it may begin now."""


def committed_work(work: Work, first_seq: int) -> Committed | None:
    """What there is to be told of a transaction; None: nothing."""
    is_for_webhooks = DELIVERIES in work.hints
    is_of_triggers = bool(work.slots or work.triggers)
    if not (work.has_events or work.logged_run_ids or is_of_triggers or is_for_webhooks):
        return None
    return Committed(
        first_seq=first_seq,
        events=CommittedEvents(
            first_seq=first_seq,
            at=work.now,
            queued=work.queued,
            told=list(zip(work.records, work.runs, strict=True)),
        ),
        due_at=_due_at(work),
        stopping=tuple(_runs_of(work, "run.stopping")),
        freed=frozenset(work.freed_by_runs),
        backfills=tuple(record.patch for record in work.records if record.type == BACKFILL),
        triggers=tuple(work.triggers),
        logged_run_ids=frozenset(work.logged_run_ids),
        slots=work.slots,
        is_for_webhooks=is_for_webhooks,
    )


def wait_limited(work: Work) -> WaitLimited | None:
    """What is told of runs that were queued for a limited time; None: of none."""
    queued = [*work.queued, *_runs_of(work, "run.queued")]
    ends = [at for run in queued if (at := over_at(run.terms)) is not None]
    return WaitLimited(in_s=(min(ends) - work.now).total_seconds()) if ends else None


def topics_of(work: Work) -> frozenset[str]:
    """What other nodes are told of, one word each."""
    topics = set(work.hints)
    topics |= {"events"} if work.has_events else set()
    topics |= {"runs"} if work.queued else set()
    topics |= {"triggers"} if work.triggers else set()
    topics |= {"logs"} if work.logged_run_ids else set()
    types = {record.type for record in work.records}
    return frozenset(topics | {TOPIC_OF_TYPE[type] for type in types & TOPIC_OF_TYPE.keys()})


def _due_at(work: Work) -> datetime | None:
    queued = [*work.queued, *_runs_of(work, "run.queued")]
    instants = [run.due_at for run in queued]
    if any(record.type in QUEUE for record in work.records):
        instants.append(work.now)
    return min(instants, default=None)


def _runs_of(work: Work, type: str) -> list[Run]:
    return [
        run
        for record, run in zip(work.records, work.runs, strict=True)
        if run is not None and record.type == type
    ]
