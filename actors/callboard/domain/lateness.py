"""Which slots missed a deadline of their trigger: pure, from the ledger and the runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger, TriggerState

DeadlineKind: TypeAlias = Literal["start", "finish"]
KINDS: Final[tuple[DeadlineKind, ...]] = ("start", "finish")
INTENDED: Final = frozenset(
    {
        SkipReason.PAUSED,
        SkipReason.CALENDAR,
        SkipReason.DST_GAP,
        SkipReason.DISABLED,
        SkipReason.NO_JOB,
    }
)
"""Somebody wanted it so: nothing was to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedSlots:
    """A trigger with deadlines, and how far its slots have been looked at."""

    trigger_id: int
    group: str
    name: str
    checked: Mapping[DeadlineKind, datetime]
    """The last instant that was looked at, where one was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedDeadline:
    """A slot whose runs are late, and why."""

    slot: datetime
    until: datetime
    """The deadline."""
    reason: str
    run_ids: tuple[int, ...] = ()


def allowance(trigger: Trigger, kind: DeadlineKind) -> timedelta | None:
    """The time from a slot to its deadline; None: it has none of this kind."""
    deadlines = trigger.deadlines
    if deadlines is None:
        return None
    seconds = deadlines.start_within_s if kind == "start" else deadlines.finish_within_s
    return None if seconds is None else timedelta(seconds=seconds)


def undecided(trigger: Trigger, since: datetime, until: datetime) -> datetime | None:
    """The slot in (since, until] that is due and that nobody has decided; None: there is none."""
    slot = trigger.next_slot
    if trigger.state is not TriggerState.ACTIVE or slot is None:
        return None
    return slot if since < slot <= until else None


def missed_deadlines(
    entries: Sequence[LedgerEntry],
    within: timedelta,
    kind: DeadlineKind,
    chains: Mapping[int, Collection[Run]],
) -> Iterator[MissedDeadline]:
    """Those of the decided slots whose runs were late, each after its deadline has passed.

    Args:
        chains: by first run, the runs of its chain that are known.
    """
    for entry in entries:
        until = entry.slot + within
        reason = _skipped(entry) or _late(entry, until, kind, chains)
        if reason is not None:
            yield MissedDeadline(slot=entry.slot, until=until, reason=reason, run_ids=entry.run_ids)


def _skipped(entry: LedgerEntry) -> str | None:
    if entry.decision is Decision.FIRED or entry.reason in INTENDED:
        return None
    return f"the slot was skipped: {entry.reason}"


def _late(
    entry: LedgerEntry,
    until: datetime,
    kind: DeadlineKind,
    chains: Mapping[int, Collection[Run]],
) -> str | None:
    if entry.decision is not Decision.FIRED:
        return None
    is_in_time = _began if kind == "start" else _succeeded
    late = [run_id for run_id in entry.run_ids if not is_in_time(chains.get(run_id, ()), until)]
    if not late:
        return None
    what = "had not begun" if kind == "start" else "had not succeeded"
    return f"run {', '.join(map(str, late))} {what} in time"


def _began(chain: Collection[Run], until: datetime) -> bool:
    return any(run.started_at is not None and run.started_at <= until for run in chain)


def _succeeded(chain: Collection[Run], until: datetime) -> bool:
    return any(
        run.state is RunState.SUCCEEDED and run.ended_at is not None and run.ended_at <= until
        for run in chain
    )
