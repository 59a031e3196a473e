"""Stepping through the slots of a cron text, without trying every minute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from callboard.domain.cron_meaning import CronFields
from callboard.domain.wall import count_walls, matching_walls, next_wall
from callboard.domain.zone_walk import ZoneWalk


@dataclass(frozen=True, slots=True, kw_only=True)
class CronWalk(ZoneWalk):
    """What decides the slots of a cron schedule."""

    fields: CronFields

    def next_wall(self, wall: int) -> int:
        return next_wall(self.fields, wall)

    def walls(self, low: int, high: int) -> Iterator[int]:
        return matching_walls(self.fields, low, high)

    def count_walls(self, low: int, high: int) -> int:
        return count_walls(self.fields, low, high)
