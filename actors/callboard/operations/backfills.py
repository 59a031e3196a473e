"""What can be asked about backfills."""

from __future__ import annotations

from callboard import commands as c
from callboard.domain.backfill import Backfill, NewBackfill
from callboard.operations.asking import Asking, found
from callboard.store.contract import BackfillFilter


class BackfillOperations(Asking):
    """Slots of the past, fired now."""

    async def create_backfill(self, new: NewBackfill) -> Backfill:
        """Fire slots of a trigger that lie in the past; it begins at once.

        Raises InvalidInput: on `trigger` (there is none, or its slots cannot be computed), on
        `from_at` and `until_at`; Conflict trigger_paused.
        """
        return await self._ask(c.CreateBackfill(backfill=new))

    async def get_backfill(self, backfill_id: int) -> Backfill:
        """Raises NotFound."""
        return found(
            await self._ask(c.GetBackfill(backfill_id=backfill_id)), "backfill", backfill_id
        )

    async def list_backfills(self, filter: BackfillFilter) -> list[Backfill]:
        """One page, newest first."""
        return await self._ask(c.ListBackfills(filter=filter))

    async def pause_backfill(self, backfill_id: int) -> Backfill:
        """It starts nothing more; what it started goes on. Raises NotFound, Conflict."""
        return await self._ask(c.PauseBackfill(backfill_id=backfill_id))

    async def resume_backfill(self, backfill_id: int) -> Backfill:
        """Raises NotFound, Conflict backfill_ended."""
        return await self._ask(c.ResumeBackfill(backfill_id=backfill_id))

    async def cancel_backfill(self, backfill_id: int, *, stop_runs: bool = False) -> Backfill:
        """End it before its time; its live runs go on, or are stopped, too.

        A cancelled one stays. Raises NotFound; Conflict when it is completed.
        """
        return await self._ask(c.CancelBackfill(backfill_id=backfill_id, stop_runs=stop_runs))
