"""Where a claim of due runs begins to look.

Runs are claimed oldest due first, so what lies before the last claimed one has been claimed; but
its index entries may still be there, for hours while some other session keeps a transaction open,
and a claim that begins at the beginning reads past all of them. New runs are due later.
Those that are not (asked for an instant of the past, queued again, committed late, skipped because
another transaction had them) are found by looking further back now and then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from callboard.domain.amend import amended
from callboard.domain.run import Run

MARGIN: Final = timedelta(seconds=0.1)
"""Behind the frontier: a transaction that is a little late."""
SWEEP: Final = timedelta(seconds=30)
SWEEP_EVERY_S: Final = 1.0
SCAN_EVERY_S: Final = 30.0
REST: Final = 20.0
"""Behind a look further back there are so many times what it took until the next one."""
LONGEST_REST_S: Final = 20.0
"""Whatever it took: what seems a dear look is more often a process or a database that stood still,
and what was left behind meanwhile has nobody but the next look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimWindow:
    """A value; every claim makes the next one. Seconds are those of a monotonic clock."""

    frontier: datetime | None = None
    """Nothing due before was left by the last claim, as far as it could see; None: unknown."""
    sweep_at: float = 0.0
    scan_at: float = 0.0
    rested_at: float = 0.0
    """From then on a hint may cause a look from the beginning."""
    is_hinted: bool = False

    def due_from(self, monotonic: float) -> datetime | None:
        """The earliest due_at that the claim looks for; None: any."""
        if self.frontier is None or monotonic >= self.scan_at:
            return None
        if self.is_hinted and monotonic >= self.rested_at:
            return None
        return self.frontier - (SWEEP if monotonic >= self.sweep_at else MARGIN)

    def hinted(self) -> ClaimWindow:
        """Other nodes say that they queued runs."""
        return self if self.is_hinted else amended(self, is_hinted=True)

    def queued(self, due_at: datetime) -> ClaimWindow:
        """This node queued a run."""
        if self.frontier is None or due_at >= self.frontier:
            return self
        return amended(self, frontier=due_at)

    def claimed(
        self, runs: Sequence[Run], *, limit: int, now: datetime, began: float, ended: float
    ) -> ClaimWindow:
        """A claim gave `runs`, oldest due first, at the store's instant `now`.

        Args:
            began, ended: monotonic, of the claim as it was seen from here.
        """
        frontier = now if len(runs) < limit else runs[-1].due_at
        rested_at = ended + min(REST * (ended - began), LONGEST_REST_S)
        sweep_at = max(ended + SWEEP_EVERY_S, rested_at)
        if self.due_from(began) is None:
            return ClaimWindow(
                frontier=frontier,
                sweep_at=sweep_at,
                scan_at=max(ended + SCAN_EVERY_S, rested_at),
                rested_at=rested_at,
            )
        is_sweep = began >= self.sweep_at
        return amended(self, frontier=frontier, sweep_at=sweep_at if is_sweep else self.sweep_at)
