"""The memory store's tables of backfills and of the slots that they fired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TypeAlias

from callboard.domain.backfill import Backfill, BackfilledSlot
from callboard.store.contract import BackfillFilter
from callboard.store.memory_journal import Journal, Table
from callboard.store.memory_sorted import SortedKeys

SlotKey: TypeAlias = "tuple[int, datetime, int]"
"""Trigger id, instant, backfill id."""


class BackfillTable(Table[int, Backfill]):
    """Backfills by id, with the ids of those that have not ended."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._ids = SortedKeys[int]()
        self.open = SortedKeys[int]()

    def newest(self, wanted: BackfillFilter) -> Iterator[Backfill]:
        """Those that the filter lets through, highest id first, without its limit."""
        before_id = wanted.before_id
        ids = reversed(self._ids) if before_id is None else self._ids.below(before_id)
        for backfill_id in ids:
            backfill = self.rows[backfill_id]
            if _matches(backfill, wanted):
                yield backfill

    def ended_before(self, cutoff: datetime, limit: int) -> list[int]:
        """Ids of backfills that ended before the cutoff, ascending."""
        ended = ((each, self.rows[each].ended_at) for each in self._ids)
        return list(islice((each for each, at in ended if at is not None and at < cutoff), limit))

    def reindex(self, key: int, before: Backfill | None, after: Backfill | None) -> None:
        if before is not None:
            self._ids.discard(key)
            self.open.discard(key)
        if after is not None:
            self._ids.add(key)
            if not after.has_ended:
                self.open.add(key)


class BackfilledSlotTable(Table[SlotKey, BackfilledSlot]):
    """Slots that backfills fired, by trigger, instant and backfill."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._of_trigger: dict[int, SortedKeys[tuple[datetime, int]]] = {}
        self._of_backfill: dict[int, set[SlotKey]] = {}
        self._open: dict[int, SortedKeys[SlotKey]] = {}

    def between(
        self, trigger_id: int, since: datetime, until: datetime
    ) -> Iterator[BackfilledSlot]:
        """Slots of the trigger in [since, until), by slot and backfill."""
        slots = self._of_trigger.get(trigger_id) or SortedKeys[tuple[datetime, int]]()
        for slot, backfill_id in slots.above((since, 0), or_equal=True):
            if slot >= until:
                break
            yield self.rows[trigger_id, slot, backfill_id]

    def open_of(self, backfill_id: int) -> list[BackfilledSlot]:
        """Those of a backfill whose firing has not ended, by slot."""
        return [self.rows[key] for key in self._open.get(backfill_id) or ()]

    def open_backfills(self) -> dict[int, int]:
        """Trigger ids by the ids of backfills that have a firing which has not ended."""
        return {backfill_id: next(iter(keys))[0] for backfill_id, keys in self._open.items()}

    def keys_of(self, backfill_id: int) -> list[SlotKey]:
        """Keys of all slots of a backfill, by slot."""
        return sorted(self._of_backfill.get(backfill_id, ()))

    def reindex(
        self, key: SlotKey, before: BackfilledSlot | None, after: BackfilledSlot | None
    ) -> None:
        trigger_id, slot, backfill_id = key
        if before is not None:
            self._of_trigger[trigger_id].discard((slot, backfill_id))
            self._of_backfill[backfill_id].discard(key)
            if before.ended_at is None:
                self._close(backfill_id, key)
        if after is not None:
            of_trigger = self._of_trigger.setdefault(trigger_id, SortedKeys())
            of_trigger.add((slot, backfill_id))
            self._of_backfill.setdefault(backfill_id, set()).add(key)
            if after.ended_at is None:
                self._open.setdefault(backfill_id, SortedKeys()).add(key)

    def _close(self, backfill_id: int, key: SlotKey) -> None:
        keys = self._open[backfill_id]
        keys.discard(key)
        if not keys:
            del self._open[backfill_id]


def _matches(backfill: Backfill, wanted: BackfillFilter) -> bool:
    return (
        wanted.group in (None, backfill.group)
        and wanted.trigger in (None, backfill.trigger)
        and wanted.state in (None, backfill.state)
    )
