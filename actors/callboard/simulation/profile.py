"""The load by time of day and of week, from runs by minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from callboard.domain.zone_span import span_at
from callboard.simulation.findings import LoadProfile
from callboard.simulation.piles import MINUTE

DAY: Final = 1440
WEEK: Final = 7 * DAY
MONDAY: Final = 3 * DAY
"""1970 began on a Thursday; Monday is four days later, or three before."""


def load_profile(minutes: Sequence[int], first_minute: int, zone: str) -> LoadProfile:
    """The profile on the clocks of a zone.

    Args:
        minutes: runs by minute.
        first_minute: the first of them, counted from 1970 in UTC.
    """
    total, most = [0] * WEEK, [0] * DAY
    seen = [0] * WEEK
    for local, chunk in _local_chunks(minutes, first_minute, zone):
        place = (local + MONDAY) % WEEK
        for count in chunk:
            seen[place] += 1
            if count:
                total[place] += count
                most[place % DAY] = max(most[place % DAY], count)
            place = (place + 1) % WEEK
    days = [(sum(total[at::DAY]), sum(seen[at::DAY])) for at in range(DAY)]
    hours = [
        _mean(sum(total[at : at + 60]), sum(seen[at : at + 60]) / 60) for at in range(0, WEEK, 60)
    ]
    return LoadProfile(
        zone=zone,
        days=len(minutes) / DAY,
        mean=tuple(_mean(count, times) for count, times in days),
        most=tuple(most),
        week=tuple(tuple(hours[at : at + 24]) for at in range(0, 7 * 24, 24)),
    )


def busiest_day(minutes: Sequence[int], first_minute: int) -> list[int]:
    """For each minute of the day, in UTC, the most runs that began in it on one day."""
    return [max(minutes[(at - first_minute) % DAY :: DAY], default=0) for at in range(DAY)]


def _local_chunks(
    minutes: Sequence[int], first_minute: int, zone: str
) -> Iterator[tuple[int, Sequence[int]]]:
    """Stretches of one offset: the first minute on the zone's clocks, and the runs."""
    edges = list(_edges(first_minute, first_minute + len(minutes), zone))
    for start, end in pairwise(edges):
        offset = span_at(zone, start * MINUTE).offset_s // MINUTE
        yield start + offset, minutes[start - first_minute : end - first_minute]


def _edges(start: int, end: int, zone: str) -> Iterator[int]:
    while start < end:
        yield start
        start = min(end, -(-span_at(zone, start * MINUTE).end_s // MINUTE))
    yield end


def _mean(total: float, times: float) -> float:
    return total / times if times else 0.0


def minute_at(minute: int) -> datetime:
    """Of minutes since 1970."""
    return datetime.fromtimestamp(minute * MINUTE, UTC)
