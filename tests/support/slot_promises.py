"""The checker of slots: of triggers that were edited, paused and backfilled, over all generations.

It holds a history (`support.history`) against the promises about time:

- each nominal slot from a trigger's creation to its deactivation is in exactly one row of the
  ledger, whatever was done to the trigger meanwhile;
- a fired slot has its runs, and every run of a slot is one that the ledger or a backfill tells of;
- where overlap is not allowed, no two firings of a trigger are live at any moment;
- a backfill fires each of its slots once, and none that fired before.

An edit may change anything of a trigger but its *grid*: the instants of its nominal slots.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import asyncpg

from callboard.domain.ledger import Decision
from callboard.domain.states import LIVE, RunState
from callboard.domain.trigger import OverlapPolicyName, Trigger
from support.history import History, RunFact, SlotFact, decided_until

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WAIT: Final = timedelta(seconds=1)
"""A run starts, by its row, when the transaction began that claimed it; that one may have waited
for so long for the transaction in which the run before ended."""
ONE_AT_A_TIME: Final = frozenset(OverlapPolicyName) - {OverlapPolicyName.ALLOW}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfilledFact:
    """A slot that a backfill fired."""

    trigger_id: int
    slot: datetime
    backfill_id: int
    run_ids: tuple[int, ...]


async def read_backfilled(dsn: str) -> list[BackfilledFact]:
    """All of them, by trigger and slot."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "select trigger_id, slot, backfill_id, run_ids from callboard.backfilled_slot"
            " order by trigger_id, slot, backfill_id"
        )
    finally:
        await connection.close()
    return [BackfilledFact(**{**row, "run_ids": tuple(row["run_ids"])}) for row in rows]


def faults_of_slots(
    history: History,
    periods: Mapping[str, timedelta],
    backfilled: Sequence[BackfilledFact] = (),
) -> list[str]:
    """What is wrong, in words; every trigger must be deactivated, and every run have ended.

    Args:
        periods: by name of the trigger, the step of its grid, which goes through EPOCH; triggers
            that are not named have slots that nobody can compute.
    """
    rows = defaultdict(list)
    for slot in history.slots:
        rows[slot.trigger_id].append(slot)
    found: list[str] = []
    for trigger in history.triggers:
        mine = rows[trigger.id]
        if trigger.name in periods:
            found += _faults_of_grid(trigger, mine, periods[trigger.name])
        found += _faults_of_rows(trigger, mine)
        if trigger.overlap.policy in ONE_AT_A_TIME:
            found += _faults_of_overlap(history, trigger)
    return [*found, *_faults_of_firings(history, backfilled)]


def grid(period: timedelta, after: datetime, until: datetime) -> list[datetime]:
    """The instants of a grid in (after, until]."""
    first, last = (after - EPOCH) // period + 1, (until - EPOCH) // period
    return [EPOCH + number * period for number in range(first, last + 1)]


def _faults_of_grid(trigger: Trigger, rows: Sequence[SlotFact], period: timedelta) -> Iterator[str]:
    assert trigger.created_at is not None
    nominal = grid(period, trigger.created_at, decided_until(trigger))
    decided = Counter(
        instant
        for row in rows
        for instant in grid(period, row.slot - timedelta.resolution, row.until or row.slot)
    )
    name = trigger.name
    yield from (
        f"slot {instant} of {name} is {decided[instant]} times in the ledger"
        for instant in nominal
        if decided[instant] != 1
    )
    yield from (f"{instant} is no slot of {name}" for instant in decided.keys() - set(nominal))
    for row in rows:
        inside = grid(period, row.slot - timedelta.resolution, row.until or row.slot)
        if not inside or (inside[0], len(inside)) != (row.slot, row.count):
            yield f"{row} of {name} stands for {len(inside)} slots"


def _faults_of_rows(trigger: Trigger, rows: Sequence[SlotFact]) -> Iterator[str]:
    for before, row in pairwise(sorted(rows, key=lambda row: row.slot)):
        if row.slot <= (before.until or before.slot):
            yield f"{row} of {trigger.name} begins in {before}"
    for row in rows:
        is_fired = row.decision == Decision.FIRED
        if is_fired != (row.reason is None) or is_fired != bool(row.run_ids):
            yield f"{row} of {trigger.name} contradicts itself"


def _faults_of_firings(history: History, backfilled: Sequence[BackfilledFact]) -> Iterator[str]:
    """First runs of chains that belong to a slot, against what the ledger and backfills tell."""
    rows: list[SlotFact | BackfilledFact] = [*history.slots, *backfilled]
    told = Counter((row.trigger_id, row.slot, run_id) for row in rows for run_id in row.run_ids)
    known = {
        (run.trigger_id, run.slot, run.id)
        for run in history.runs.values()
        if run.slot is not None and run.previous_run_id is None
    }
    yield from (f"{each} is told {times} times" for each, times in told.items() if times != 1)
    yield from (f"{each} is told of, and not there" for each in told.keys() - known)
    yield from (f"nobody tells of {each}" for each in known - told.keys())
    times = Counter((row.trigger_id, row.slot) for row in rows if row.run_ids)
    yield from (f"{slot} fired {n} times" for slot, n in times.items() if n != 1)


def _faults_of_overlap(history: History, trigger: Trigger) -> Iterator[str]:
    """Moments at which two firings were live, by the order of events, and by the clock."""
    mine = {run.id: run for run in history.runs.values() if run.trigger_id == trigger.id}
    live: dict[int, str] = {}
    for event in history.events:
        if event.run_id is None or event.run_id not in mine:
            continue
        if event.state in LIVE and event.state is not RunState.PARKED and not event.is_held:
            live[event.run_id] = mine[event.run_id].trace_id
        else:
            live.pop(event.run_id, None)
        if len(set(live.values())) > 1:
            yield f"{trigger.name}: at event {event.seq} the firings of runs {[*live]} were live"
    yield from _faults_of_times(trigger, mine.values())


def _faults_of_times(trigger: Trigger, runs: Iterable[RunFact]) -> Iterator[str]:
    started = sorted(
        (run.started_at, run.ended_at, run.id, run.trace_id)
        for run in runs
        if run.started_at is not None and run.ended_at is not None
    )
    last: tuple[datetime, int, str] | None = None
    for start, end, run_id, trace_id in started:
        if last is not None and trace_id != last[2] and start < last[0] - WAIT:
            yield f"{trigger.name}: run {run_id} began at {start}, run {last[1]} ended at {last[0]}"
        if last is None or end > last[0]:
            last = (end, run_id, trace_id)
