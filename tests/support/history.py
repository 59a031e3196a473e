"""The checker: what a database says happened, and whether that can be true.

A history, read by `support.history_reading`, is held against the promises:

- every acknowledged start has its run, and no run is there that nobody asked for;
- each run's events are a path through the table of states, with one end at the most;
- each trigger's ledger has every nominal slot exactly once, fired or skipped with a reason;
- events are numbered from 1 without gaps;
- each retry follows a failed run, once, and no retry is missing.

    history = await read_history(board, dsn)
    assert faults_of(history, asked) == []
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from callboard.domain.job import Job
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.schedule import slots_between
from callboard.domain.states import ENDED, RunState, may_become
from callboard.domain.trigger import MisfirePolicyName, Trigger

MICROSECOND: Final = timedelta(microseconds=1)
RETRIED: Final = frozenset({RunState.FAILED, RunState.TIMED_OUT})
REASON_OF_POLICY: Final = {
    MisfirePolicyName.SKIP: SkipReason.MISFIRE,
    MisfirePolicyName.FIRE_ONCE: SkipReason.COALESCED,
    MisfirePolicyName.FIRE_ALL: SkipReason.CAPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFact:
    """A run as both ways of reading know it."""

    id: int
    job: str
    state: RunState
    attempt: int
    previous_run_id: int | None
    chain_id: int
    trigger_id: int | None
    slot: datetime | None
    arguments: str
    """JSON with sorted keys."""
    crashes: int
    node: str | None
    ended_at: datetime | None
    error: str | None = None
    """Its type."""
    trace_id: str = ""
    started_at: datetime | None = None
    result: str | None = None
    """JSON with sorted keys."""
    message: str | None = None
    """Of the error."""

    @property
    def ask(self) -> int | None:
        """The number of the wish that the run's first attempt was started by."""
        number: int | None = json.loads(self.arguments).get("ask")
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFact:
    """A row of the ledger."""

    trigger_id: int
    slot: datetime
    until: datetime | None
    count: int
    decision: str
    reason: str | None
    run_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFact:
    """An event, with what matters of it."""

    seq: int
    type: str
    run_id: int | None
    state: RunState | None
    node: str | None
    at: datetime
    is_held: bool = False
    """Whether the run waits for the end of earlier ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that a database says happened."""

    jobs: Mapping[str, Job]
    triggers: Sequence[Trigger]
    runs: Mapping[int, RunFact]
    slots: Sequence[SlotFact]
    """By trigger and slot."""
    events: Sequence[EventFact]

    def events_of(self, run_id: int) -> list[EventFact]:
        return [event for event in self.events if event.run_id == run_id]


@dataclass(slots=True, kw_only=True)
class Asked:
    """What the outside world wished for and was told; kept outside of what is killed."""

    jobs: dict[int, str] = field(default_factory=dict)
    """By number of the wish: the job that was to be started once."""
    acknowledged: dict[int, int] = field(default_factory=dict)
    """By number: the run that was promised."""


def faults_of(
    history: History,
    asked: Asked,
    *,
    has_drained: bool = True,
    executions: Mapping[int, int] | None = None,
) -> list[str]:
    """What is wrong, in words; empty when every promise was kept.

    Args:
        has_drained: every run must have ended.
        executions: how often a handler began to work for each run, counted by the handlers.
    """
    return [
        *_faults_of_answers(history, asked),
        *_faults_of_origins(history, asked),
        *_faults_of_ledger(history),
        *faults_of_runs(history, has_drained=has_drained, executions=executions),
    ]


def faults_of_runs(
    history: History, *, has_drained: bool = True, executions: Mapping[int, int] | None = None
) -> list[str]:
    """The part of `faults_of` that asks neither where runs came from nor for the ledger."""
    found = [
        *_faults_of_paths(history, has_drained),
        *_faults_of_numbers(history),
        *_faults_of_chains(history),
    ]
    if executions is not None:
        found += _faults_of_executions(history, executions)
    return found


def faults_of_starts(history: History, asked: Asked) -> Iterator[str]:
    """The part of `faults_of` about what clients asked for."""
    yield from _faults_of_answers(history, asked)
    done: Counter[int | None] = Counter()
    for run in history.runs.values():
        if run.trigger_id is None and run.previous_run_id is None:
            done[run.ask] += 1
            if run.ask is None or asked.jobs.get(run.ask) != run.job:
                yield f"nobody asked for {run}"
    yield from (f"start {ask} was done {times} times" for ask, times in done.items() if times > 1)


def _faults_of_answers(history: History, asked: Asked) -> Iterator[str]:
    for number, run_id in asked.acknowledged.items():
        run = history.runs.get(run_id)
        if run is None:
            yield f"start {number} was acknowledged as run {run_id}, which is not there"
        elif run.ask != number or run.job != asked.jobs[number]:
            yield f"start {number} of {asked.jobs[number]} was acknowledged as {run}"


def _faults_of_origins(history: History, asked: Asked) -> Iterator[str]:
    started: Counter[int] = Counter()
    fired = Counter(run_id for slot in history.slots for run_id in slot.run_ids)
    for run in history.runs.values():
        is_wished = run.ask is not None and asked.jobs.get(run.ask) == run.job
        if run.previous_run_id is not None:
            if fired[run.id]:
                yield f"run {run.id} is a retry, and in the ledger"
        elif is_wished and run.trigger_id is None:
            started[run.ask or 0] += 1
        elif run.trigger_id is None or fired[run.id] != 1:
            yield f"nobody asked for {run}; it is {fired[run.id]} times in the ledger"
    yield from (
        f"start {ask} was done {times} times" for ask, times in started.items() if times > 1
    )


def _faults_of_paths(history: History, has_drained: bool) -> Iterator[str]:
    paths: defaultdict[int, list[RunState]] = defaultdict(list)
    held: set[int] = set()
    for event in history.events:
        if event.run_id is None or event.state is None:
            continue
        path = paths[event.run_id]
        is_release = event.state is RunState.QUEUED and event.run_id in held
        is_harder = event.state is RunState.STOPPING and path[-1:] == [RunState.STOPPING]
        if not is_release and not is_harder:
            path.append(event.state)
        (held.add if event.is_held else held.discard)(event.run_id)
    for run_id in paths.keys() - history.runs.keys():
        yield f"events tell of run {run_id}, which is not there"
    for run in history.runs.values():
        path = paths[run.id]
        if not path or path[0] is not RunState.QUEUED or path[-1] is not run.state:
            yield f"run {run.id} is {run.state}; its events say {path}"
        steps = list(pairwise(path))
        if not all(may_become(before, after) for before, after in steps):
            yield f"run {run.id} took a way that is not in the table: {path}"
        if sum(state in ENDED and state is not RunState.ABANDONED for state in path) > 1:
            yield f"run {run.id} ended more than once: {path}"
        if has_drained and run.state not in ENDED:
            yield f"run {run.id} of {run.job} has not ended: {run.state}"


def _faults_of_ledger(history: History) -> Iterator[str]:
    for trigger in history.triggers:
        slots = [slot for slot in history.slots if slot.trigger_id == trigger.id]
        yield from _faults_of_cover(trigger, slots)
        for slot in slots:
            yield from _faults_of_slot(trigger, slot, history.runs)


def _faults_of_cover(trigger: Trigger, slots: Sequence[SlotFact]) -> Iterator[str]:
    """Every nominal slot once. Taken for granted: the trigger is in its first generation."""
    assert trigger.generation == 1
    assert trigger.anchor_at is not None
    until = decided_until(trigger)
    nominal = slots_between(
        trigger.schedule, after=trigger.anchor_at, until=until, anchor=trigger.anchor_at
    )
    decided = Counter(instant for slot in slots for instant in _instants(trigger, slot))
    for instant in nominal:
        if (times := decided.pop(instant, 0)) != 1:
            yield f"slot {instant} of {trigger.name} is {times} times in the ledger"
    yield from (f"the ledger has {instant} of {trigger.name}: no slot" for instant in decided)
    firings = sum(slot.decision == Decision.FIRED for slot in slots)
    if trigger.firings != firings:
        yield f"{trigger.name} counts {trigger.firings} firings, its ledger {firings}"


def decided_until(trigger: Trigger) -> datetime:
    """Until when every slot of a stored trigger must have been decided."""
    if trigger.next_slot is not None:
        return trigger.next_slot - MICROSECOND
    assert trigger.updated_at is not None
    # A change is of the instant at which its transaction began. Behind it, that one may have waited
    # for a firing that began later, and decided a slot in between.
    return max(trigger.updated_at, trigger.last_slot or trigger.updated_at)


def _instants(trigger: Trigger, slot: SlotFact) -> Iterator[datetime]:
    assert trigger.anchor_at is not None
    if slot.until is None:
        yield slot.slot
        return
    yield from slots_between(
        trigger.schedule,
        after=slot.slot - MICROSECOND,
        until=slot.until,
        anchor=trigger.anchor_at,
    )


def _faults_of_slot(trigger: Trigger, slot: SlotFact, runs: Mapping[int, RunFact]) -> Iterator[str]:
    where = f"slot {slot.slot} of {trigger.name}"
    if slot.count != sum(1 for _ in _instants(trigger, slot)):
        yield f"{where} says that it is {slot.count} slots until {slot.until}"
    if slot.decision == Decision.FIRED:
        jobs = [runs[run_id].job for run_id in slot.run_ids if run_id in runs]
        if jobs != [action.job for action in trigger.actions]:
            yield f"{where} fired {slot.run_ids}, which are runs of {jobs}"
        if any(
            (runs[run_id].trigger_id, runs[run_id].slot) != (trigger.id, slot.slot)
            for run_id in slot.run_ids
            if run_id in runs
        ):
            yield f"{where} fired runs that say that they are another slot's"
    elif slot.reason != REASON_OF_POLICY[trigger.misfire.policy] or slot.run_ids:
        yield f"{where} was skipped for {slot.reason} with runs {slot.run_ids}"


def _faults_of_numbers(history: History) -> Iterator[str]:
    numbers = [event.seq for event in history.events]
    if numbers != list(range(1, len(numbers) + 1)):
        missing = sorted(set(range(1, len(numbers) + 1)) - set(numbers))
        yield f"events are not numbered 1 to {len(numbers)}: missing {missing[:10]}"


def _faults_of_chains(history: History) -> Iterator[str]:
    followers = Counter(run.previous_run_id for run in history.runs.values())
    stopped = {event.run_id for event in history.events if event.state is RunState.STOPPING}
    for run in history.runs.values():
        if run.previous_run_id is not None:
            yield from _faults_of_retry(run, history.runs.get(run.previous_run_id))
        elif run.attempt != 1 or run.chain_id != run.id:
            yield f"run {run.id} is first of its chain, but {run}"
        attempts = history.jobs[run.job].retry.max_attempts
        # A run whose node died is decided by the crash policy, not by the retry policy, and what
        # was asked to stop is not tried again.
        is_failed = run.state in RETRIED and run.error != "NodeLost" and run.id not in stopped
        expected = 1 if is_failed and run.attempt < attempts else 0
        if followers[run.id] != expected:
            yield f"run {run.id} ({run.state}) is followed by {followers[run.id]} retries"


def _faults_of_retry(run: RunFact, previous: RunFact | None) -> Iterator[str]:
    if previous is None:
        yield f"run {run.id} follows run {run.previous_run_id}, which is not there"
        return
    inherited = ("job", "arguments", "chain_id", "slot", "trigger_id")
    if any(getattr(run, name) != getattr(previous, name) for name in inherited):
        yield f"run {run.id} is not the same as what it follows: {run}, {previous}"
    if run.attempt != previous.attempt + 1 or previous.state not in RETRIED:
        yield f"run {run.id} is attempt {run.attempt} after {previous}"


def _faults_of_executions(history: History, executions: Mapping[int, int]) -> Iterator[str]:
    """A run is executed at most once for each time that a node claimed it."""
    for run_id in executions.keys() - history.runs.keys():
        yield f"run {run_id} was executed and is not there"
    claims = Counter(e.run_id for e in history.events if e.state is RunState.RUNNING)
    for run in history.runs.values():
        times = executions.get(run.id, 0)
        if times > claims[run.id]:
            yield f"run {run.id} was executed {times} times and claimed {claims[run.id]} times"
        if times == 0 and run.state is RunState.SUCCEEDED:
            yield f"run {run.id} succeeded and was never executed"
