"""A board that executes every run, each for as long as its job is said to take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from callboard.clock import Clock
from callboard.config import BoardConfig
from callboard.domain.job import Job
from callboard.domain.ledger import LedgerEntry
from callboard.domain.run import Run
from callboard.store.contract import RunEnd
from callboard.store.cycle import Cycle, Cycled
from callboard.store.memory import MemoryStore
from callboard.store.memory_tables import Tables
from callboard.store.memory_transaction import MemoryTransaction

HANDLER: Final = "simulation:{number}"
DAY_S: Final = 86_400.0

EXECUTING: Final = BoardConfig(
    node_name="simulation",
    capacity=100_000,
    drain_s=0.0,
    lease_s=366 * DAY_S,
    firing_lease_s=366 * DAY_S,
    poll_s=DAY_S,
    rescue_every_s=30 * DAY_S,
    prune_every_s=DAY_S,
    horizon_s=2 * DAY_S,
    log_flush_s=DAY_S,
    keep_runs_s=DAY_S,
    keep_ledger_s=DAY_S,
    keep_events_s=0.0,
)
"""Nothing but its work makes the board do anything; what was noted down is pruned."""


@dataclass(slots=True, kw_only=True)
class Notes:
    """What was committed."""

    entries: dict[tuple[int, datetime], LedgerEntry] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    """Those that began, as they are now."""

    def note(self, runs: Iterable[Run]) -> None:
        self.runs.update({run.id: run for run in runs if run.started_at is not None})


class NotingStore(MemoryStore):
    """The memory store, with notes of what is pruned from it later."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.notes = Notes()

    def _transaction(self) -> MemoryTransaction:
        return _NotingTransaction(self._tables, self._clock.now(), self.notes)

    async def cycle(self, cycle: Cycle) -> Cycled:
        cycled = await super().cycle(cycle)
        touched = [*cycled.ended, *cycled.started, *(run.id for run in cycled.claimed)]
        self.notes.note((await self.get_runs(touched)).values())
        return cycled


class _NotingTransaction(MemoryTransaction):
    """Notes are made when a row is written; one that is written again replaces the note."""

    def __init__(self, tables: Tables, now: datetime, notes: Notes) -> None:
        super().__init__(tables, now)
        self._notes = notes

    async def insert_ledger(self, entries: Sequence[LedgerEntry]) -> None:
        await super().insert_ledger(entries)
        self._notes.entries.update({(each.trigger_id, each.slot): each for each in entries})

    async def claim_runs(self, epoch: int, limit: int) -> list[Run]:
        claimed = await super().claim_runs(epoch, limit)
        self._notes.note(claimed)
        return claimed

    async def update_runs(self, runs: Sequence[Run]) -> None:
        await super().update_runs(runs)
        self._notes.note(runs)

    async def end_runs(self, ends: Sequence[RunEnd]) -> list[Run]:
        ended = await super().end_runs(ends)
        self._notes.note(ended)
        return ended


def pretended(job: Job, number: int) -> Job:
    """The job with its limits, doing nothing but take its time."""
    return replace(
        job,
        kind="python",
        spec={"handler": HANDLER.format(number=number)},
        arguments={},
        id=0,
        version=0,
    )


def handler_of(clock: Clock, duration_s: float) -> Callable[[], Awaitable[None]]:
    """What the pretended job does."""

    async def take_time() -> None:
        if duration_s:
            await clock.sleep_until(clock.monotonic() + duration_s)

    return take_time
