"""Missed slots: which of them fire, by the misfire policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from callboard.domain.ledger import SkipReason
from callboard.domain.timetable import MICROSECOND, Segment, Timetable
from callboard.domain.trigger import Coalesce, MisfirePolicy, MisfirePolicyName

FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the open slots up to an instant, behind those of the verdict before."""

    until: datetime
    """Inclusive."""
    reason: SkipReason | None
    """None: they fire."""


ALL_FIRE: Final = Verdict(FOR_EVER, None)
"""No slot is missed."""


def missed_until(policy: MisfirePolicy, now: datetime) -> datetime:
    """The last instant whose slot is missed.

    The grace is inclusive (M04): missed is what lies a microsecond or more before it.
    """
    return now - timedelta(seconds=policy.grace_s, microseconds=1)


def verdicts(
    policy: MisfirePolicy, table: Timetable, segments: Sequence[Segment], now: datetime
) -> list[Verdict]:
    """The verdicts on the slots of the open segments, in order, the last one for ever."""
    missed = missed_until(policy, now)
    first = _first_slot(table, segments)
    if first is None or first > missed:
        return [ALL_FIRE]
    if policy.window_s is None:
        return [*_by_policy(policy, table, _open_parts(segments, first, missed), missed), ALL_FIRE]
    oldest = max(first, missed - timedelta(seconds=policy.window_s))
    parts = _open_parts(segments, oldest, missed)
    too_old = Verdict(oldest - MICROSECOND, SkipReason.MISFIRE)
    return [too_old, *_by_policy(policy, table, parts, missed), ALL_FIRE]


def _by_policy(
    policy: MisfirePolicy, table: Timetable, parts: Sequence[Segment], missed: datetime
) -> Iterator[Verdict]:
    match policy.policy:
        case MisfirePolicyName.SKIP:
            yield Verdict(missed, SkipReason.MISFIRE)
        case MisfirePolicyName.FIRE_ALL if policy.cap is not None:
            yield Verdict(_newest(table, parts, policy.cap) - MICROSECOND, SkipReason.CAPPED)
        case MisfirePolicyName.FIRE_ONCE if policy.coalesce is Coalesce.EARLIEST:
            earliest = _first_slot(table, parts)
            if earliest is not None:
                yield Verdict(earliest, None)
                yield Verdict(missed, SkipReason.COALESCED)
        case MisfirePolicyName.FIRE_ONCE:
            latest = _last_slot(table, parts)
            if latest is not None:
                yield Verdict(latest - MICROSECOND, SkipReason.COALESCED)


def _open_parts(segments: Sequence[Segment], low: datetime, high: datetime) -> list[Segment]:
    parts = (segment.clipped(low, high) for segment in segments if segment.reason is None)
    return [part for part in parts if part.low <= part.high]


def _first_slot(table: Timetable, segments: Sequence[Segment]) -> datetime | None:
    found = (next(table.slots(each), None) for each in segments if each.reason is None)
    return next((slot for slot in found if slot is not None), None)


def _last_slot(table: Timetable, parts: Sequence[Segment]) -> datetime | None:
    found = (table.count(part)[2] for part in reversed(parts))
    return next((slot for slot in found if slot is not None), None)


def _newest(table: Timetable, parts: Sequence[Segment], cap: int) -> datetime:
    """The earliest of the newest `cap` slots; where there are fewer, an instant before all."""
    for part in reversed(parts):
        count = table.count(part)[0]
        if count >= cap:
            return _nth_last(table, part, cap)
        cap -= count
    return parts[0].low if parts else FOR_EVER


def _nth_last(table: Timetable, part: Segment, n: int) -> datetime:
    """The slot of the part behind which, that included, there are n; halves the part."""
    low, steps = part.low, (part.high - part.low) // MICROSECOND + 1
    start = 0
    while steps - start > 1:
        middle = (start + steps) // 2
        if table.count(part.clipped(low + middle * MICROSECOND, part.high))[0] >= n:
            start = middle
        else:
            steps = middle
    return low + start * MICROSECOND
