"""Verbs of a transaction on backfills; see contract.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from callboard.domain.backfill import Backfill, BackfilledSlot
from callboard.domain.states import RunState


class BackfillVerbs(Protocol):
    """A part of `contract.Transaction`."""

    async def insert_backfill(self, backfill: Backfill) -> Backfill:
        """The stored backfill (id, version 1, created_at, updated_at set); its counters are 0."""
        ...

    async def lock_backfill(
        self, backfill_id: int, *, skip_locked: bool = False
    ) -> Backfill | None:
        """The backfill, its row locked against every other writer until the commit.

        With `skip_locked` also None where another transaction has it.
        """
        ...

    async def update_backfill(self, backfill: Backfill) -> Backfill:
        """Write the changeable fields of a locked backfill; as it is then, version counted up.

        state, reason, cursor_at, fired, skipped, succeeded, failed, ended_at.
        """
        ...

    async def fired_slots(self, trigger_id: int, since: datetime, until: datetime) -> set[datetime]:
        """The trigger's slots in [since, until) that fired: by the ledger, in any generation, or
        by a backfill. True until the commit for whoever has locked the trigger."""
        ...

    async def insert_backfilled_slots(self, slots: Sequence[BackfilledSlot]) -> None:
        """Raises StoreError when a backfill has fired one of its slots already."""
        ...

    async def open_firings(self, backfill_id: int) -> list[BackfilledSlot]:
        """Slots of the backfill without an end, by slot."""
        ...

    async def end_firings(self, backfill_id: int, slots: Sequence[datetime]) -> None:
        """Give these slots of the backfill their end: now."""
        ...

    async def chain_states(self, chain_ids: Sequence[int]) -> dict[int, dict[int, RunState]]:
        """For each chain the states of its runs, live and ended, by run id, ascending.

        Chains without runs are left out.
        """
        ...
