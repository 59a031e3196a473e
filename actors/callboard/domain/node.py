"""A node: one process with one board."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callboard.domain.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One process with one board, as the others see it."""

    epoch: int
    """Unique for each start of a node; handed out by the store, ascending."""
    name: str
    host: str
    pid: int
    version: str
    capacity: int
    started_at: datetime
    lease_until: datetime
    fires: bool = True
    """Whether it takes part in deciding slots."""
    executes: bool = True
    """Whether it executes runs."""
    firing_until: datetime | None = None
    """End of the lease of its shards; None: it does not fire, or has not begun to."""
    shards: int = 0
    """How many shards are its own, while that lease runs."""
    expired: bool = False
    """Whether its lease was over and somebody took it away; the node may not go on."""
    vitals: JsonObject | None = None
    """What it was doing when it last renewed its lease; None: it has not said yet."""

    def shards_at(self, now: datetime) -> int:
        """Of how many shards it decides the slots then."""
        is_firing = self.firing_until is not None and self.firing_until > now
        return self.shards if is_firing else 0
