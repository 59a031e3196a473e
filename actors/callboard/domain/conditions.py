"""The rule of conditional triggers: which ends meet a condition, and when a set is complete.

A trigger keeps a *set*: for each of its conditions that is met, the run that met it.

- Only final ends count: not one that an automatic next attempt follows in the same commit; nor one
  of a workflow's run, which is the workflow's own affair; with `only_triggered` only ends of chains
  that a trigger began.
- A job is its name: one that is created later, or deleted and made anew, counts like any other.
- The newest end of a watched job decides: in one of the condition's states it meets the condition,
  in any other it un-meets it. Whoever is started by a set finds every job as the set says.
- `and` is complete when all conditions are met, `any` when one is. A complete set is one slot, and
  the next set begins empty: every condition has to be met anew.
- The ends of one commit are one happening: however many of them meet conditions, there is one slot.
- Ends before the trigger was activated, or edited, do not count, nor do those before `start_at`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TypeAlias

from callboard.domain.amend import amended
from callboard.domain.chain_end import ChainEnd
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.misfire import SlotPlan
from callboard.domain.schedule_kind import Conditional
from callboard.domain.timetable import MICROSECOND
from callboard.domain.trigger import Trigger, TriggerState, with_next_slot

Met: TypeAlias = Mapping[str, int]
"""By the names of the jobs whose condition is met: the run that met it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionSet:
    """What a conditional trigger has seen since its last slot."""

    trigger_id: int
    generation: int
    """Of the trigger; a set of another one means nothing."""
    since_seq: int = 0
    """Only events with greater numbers count."""
    job_ids: tuple[int, ...]
    """Those of the watched jobs that there were when it began; nodes of the release before go by
    them."""
    met: Met = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What some ends mean to a trigger."""

    plan: SlotPlan | None
    """The slots that they make, if any."""
    met: Met
    """The set behind them."""


def evaluated(trigger: Trigger, known: ConditionSet, ends: Sequence[ChainEnd]) -> Evaluation:
    """What these ends, ascending, mean to an active or paused conditional trigger."""
    after, met = trigger, known.met
    entries: list[LedgerEntry] = []
    for at, commit in _commits(known.since_seq, ends):
        if trigger.end_at is not None and at >= trigger.end_at:
            after = amended(after, state=TriggerState.COMPLETED, next_slot=None, resume_at=None)
        if after.state is TriggerState.COMPLETED:
            break
        if trigger.start_at is not None and at < trigger.start_at:
            continue
        met = counted(_schedule(trigger), met, commit)
        if is_complete(_schedule(trigger), met):
            entry = _entry(after, at, met)
            after, met = _moved_on(after, entry), {}
            entries.append(entry)
    is_moved = after is not trigger
    plan = SlotPlan(before=trigger, after=after, entries=tuple(entries)) if is_moved else None
    return Evaluation(plan=plan, met=met)


def counted(schedule: Conditional, met: Met, ends: Sequence[ChainEnd]) -> Met:
    """The set behind these ends, ascending."""
    states = {condition.job: condition.states for condition in schedule.conditions}
    after = dict(met)
    for end in ends:
        if end.job not in states or not _counts(schedule, end):
            continue
        after.pop(end.job, None)
        if end.state.value in states[end.job]:
            after[end.job] = end.run_id
    return after


def _counts(schedule: Conditional, end: ChainEnd) -> bool:
    if not end.is_final or end.workflow_run_id is not None:
        return False
    return end.is_triggered or not schedule.only_triggered


def is_complete(schedule: Conditional, met: Met) -> bool:
    """Whether the set makes a slot."""
    if schedule.logical == "any":
        return bool(met)
    return all(condition.job in met for condition in schedule.conditions)


def _schedule(trigger: Trigger) -> Conditional:
    assert isinstance(trigger.schedule, Conditional)
    return trigger.schedule


def _commits(
    since_seq: int, ends: Sequence[ChainEnd]
) -> Iterator[tuple[datetime, Sequence[ChainEnd]]]:
    fresh = (end for end in ends if end.seq > since_seq)
    for _, commit in groupby(fresh, lambda end: end.commit_seq):
        these = tuple(commit)
        yield these[0].at, these


def _entry(trigger: Trigger, at: datetime, met: Met) -> LedgerEntry:
    is_paused = trigger.state is TriggerState.PAUSED
    last = trigger.last_slot
    return LedgerEntry(
        trigger_id=trigger.id,
        generation=trigger.generation,
        # Slots ascend, also where two commits, or a clock that was set back, say otherwise.
        slot=at if last is None or at > last else last + MICROSECOND,
        decision=Decision.SKIPPED if is_paused else Decision.FIRED,
        reason=SkipReason.PAUSED if is_paused else None,
        caused_by=tuple(sorted(met.values())),
    )


def _moved_on(trigger: Trigger, entry: LedgerEntry) -> Trigger:
    moved = amended(trigger, last_slot=entry.slot)
    if entry.decision is not Decision.FIRED:
        return moved
    return with_next_slot(amended(moved, firings=moved.firings + 1), None)
