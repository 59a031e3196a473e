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
    """End of the lease of its shards."""
    vitals: JsonObject | None = None
    """What it was doing when it last renewed its lease; None: it has not said yet."""
