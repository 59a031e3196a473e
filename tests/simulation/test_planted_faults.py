"""The simulation notices what is broken: each fault is planted where the protocol forbids it.

A checker that finds nothing proves nothing unless it finds these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from callboard import registrar
from callboard.changes import apply
from callboard.commands import HandBack
from callboard.domain.misfire import SlotPlan
from callboard.domain.run import Run
from callboard.domain.shards import SHARDS
from callboard.domain.states import LIVE
from callboard.store import memory_claim, memory_cycle
from callboard.store.contract import RunEnd
from callboard.store.memory_queue import RunQueue
from callboard.store.memory_runs import RunTable
from callboard.store.memory_tables import Tables
from callboard.store.memory_transaction import MemoryTransaction
from simulation.story import tell_story
from simulation.weather import Weather

MOST_SEEDS: Final = 20

Patch = Callable[[pytest.MonkeyPatch], None]


def ends_of_anybody(patch: pytest.MonkeyPatch) -> None:
    """H02: a worker's epoch is not looked at when it ends a run."""

    def may_end(tables: Tables, run: Run, end: RunEnd) -> bool:
        return run.state in LIVE

    end_runs = MemoryTransaction.end_runs

    async def end_all(self: MemoryTransaction, ends: Sequence[RunEnd]) -> list[Run]:
        rows = self._tables.runs.rows
        known = [end for end in ends if end.run_id in rows]
        held = [replace(e, epoch=rows[e.run_id].epoch, started_at=None) for e in known]
        return await end_runs(self, held)

    def end_in_any_state(self: RunTable, ended: Sequence[Run]) -> None:
        for run in ended:
            self.replace(run.id, run)

    patch.setattr(memory_cycle, "_may_end", may_end)
    patch.setattr(RunTable, "end_all", end_in_any_state)
    patch.setattr(MemoryTransaction, "end_runs", end_all)


def no_hand_back(patch: pytest.MonkeyPatch) -> None:
    """H08: nobody gives back what an unanswered claim gave to a node."""

    async def keep(work: Any, command: HandBack) -> int:
        return 0

    patch.setattr(apply, "CHANGE", {**apply.CHANGE, HandBack: keep})


def slots_without_comparison(patch: pytest.MonkeyPatch) -> None:
    """H01: whoever plans a slot decides it, also one that is decided already."""

    async def insert(self: MemoryTransaction, entries: Sequence[Any]) -> None:
        for entry in entries:
            key = entry.trigger_id, entry.generation, entry.slot
            if key not in self._tables.ledger.rows:
                self._tables.ledger.write(key, entry)

    def advance(self: MemoryTransaction, plan: SlotPlan) -> bool:
        stored = self._tables.triggers.rows.get(plan.before.id)
        if stored is not None:
            self._tables.triggers.write(stored.id, plan.after)
        return stored is not None

    async def hold(self: MemoryTransaction, *args: Any, **fields: Any) -> Any:
        return {*range(SHARDS)}

    patch.setattr(MemoryTransaction, "insert_ledger", insert)
    patch.setattr(MemoryTransaction, "_advance", advance)
    patch.setattr(MemoryTransaction, "hold_shards", hold)


def no_limits(patch: pytest.MonkeyPatch) -> None:
    """Claims do not look at max_concurrent_runs."""
    patch.setattr(RunQueue, "has_line_of", lambda self, job_ids: False)
    patch.setattr(memory_claim._Rooms, "is_closed", lambda self, line: False)


def starts_that_are_lost(patch: pytest.MonkeyPatch) -> None:
    """What is acknowledged is not always there."""
    create_all = RunTable.create_all

    def create_most(self: RunTable, queued: Sequence[Run], born: Sequence[Run]) -> None:
        create_all(self, queued, born)
        for run in queued:
            if run.id % 20 == 0:
                self.replace(run.id, None)

    patch.setattr(RunTable, "create_all", create_most)


def numbers_with_gaps(patch: pytest.MonkeyPatch) -> None:
    """A cycle takes a number more than it has events."""
    tell = memory_cycle._tell

    def tell_more(tables: Tables, *args: Any, **events: Any) -> int:
        first = tell(tables, *args, **events)
        if first and first % 50 == 0:
            tables.newest_event.replace(None, tables.newest_event.rows[None] + 1)
        return first

    patch.setattr(memory_cycle, "_tell", tell_more)


def nobody_gives_up(patch: pytest.MonkeyPatch) -> None:
    """H07: a node that cannot renew its lease goes on with its runs."""
    patch.setattr(registrar, "GIVE_UP", 1e6)


FAIR: Final = Weather(slow_s=0.001)
FREEZING: Final = replace(FAIR, strikes=("freeze",), strike_every_s=1.0)
CUTTING: Final = replace(FAIR, strikes=("cut",), strike_every_s=1.0)
SILENT: Final = replace(FAIR, unanswered=0.03)

PLANTS: Final[dict[str, tuple[Patch, Weather, str]]] = {
    "ends of anybody": (ends_of_anybody, FREEZING, "was ended by|ended more than|not in the table"),
    "no hand-back": (no_hand_back, SILENT, "not at rest"),
    "slots without comparison": (slots_without_comparison, CUTTING, "firings"),
    "no limits": (no_limits, FAIR, "limited runs"),
    "starts that are lost": (starts_that_are_lost, FAIR, "which is not there"),
    "numbers with gaps": (numbers_with_gaps, FAIR, "events are not numbered"),
    "nobody gives up": (nobody_gives_up, CUTTING, "executed by two at once"),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And soon: within a few seeds."""
    plant, weather, words = PLANTS[name]
    plant(monkeypatch)
    found = (fault for seed in range(MOST_SEEDS) for fault in tell_story(seed, weather).faults)
    assert any(re.search(words, fault) for fault in found), f"{name}: in no seed"


@pytest.mark.parametrize("weather", [FAIR, FREEZING, CUTTING, SILENT])
def test_without_a_fault_nothing_is_found(weather: Weather) -> None:
    assert [tell_story(seed, weather).faults for seed in range(2)] == [[], []]
