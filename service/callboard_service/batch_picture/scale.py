"""From instants to places on a line; long times in which nothing was done are cut short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

LONG_GAP: Final = 0.12
"""Share of all the time in which something was done from which idle time is cut."""
_STEPS_S: Final = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600,
    900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = timedelta(milliseconds=10)
"""The least that a line shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the line on which time passes evenly."""

    since: datetime
    until: datetime
    start: float
    width: float

    def place(self, instant: datetime) -> float:
        share = (instant - self.since) / (self.until - self.since)
        return self.start + self.width * min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where a stretch of idle time is left out."""

    start: float
    width: float
    span: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """An instant that is written under the line."""

    place: float
    text: str
    date: str | None
    """Of the first of a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A line from 0 to `width`."""

    width: float
    stretches: tuple[Stretch, ...]
    cuts: tuple[Cut, ...]

    def place(self, instant: datetime) -> float:
        """Where it is; in what is cut: at the end of the stretch before."""
        found = self.stretches[0]
        for stretch in self.stretches:
            if stretch.since <= instant:
                found = stretch
        return found.place(instant)

    def ticks(self, room: float) -> Iterator[Tick]:
        """Round instants, so far from one another that a text of the width `room` fits between."""
        day, free = None, 0.0
        for stretch in self.stretches:
            step = _step(stretch, room)
            for instant in list(_round_instants(stretch, step)) or [stretch.since]:
                place = stretch.place(instant)
                if place < free:
                    continue
                date = f"{instant:%Y-%m-%d}"
                yield Tick(
                    place=place,
                    text=_clock(instant, step),
                    date=date if date != day else None,
                )
                day, free = date, place + room


def scale_of(spans: Iterable[tuple[datetime, datetime]], width: float, cut: float) -> Scale:
    """The scale for these spans, at least one.

    Args:
        cut: width of idle time that is left out.
    """
    busy = list(_merged(spans))
    total = sum((until - since for since, until in busy), timedelta())
    parts: list[tuple[datetime, datetime]] = []
    for since, until in busy:
        if parts and since - parts[-1][1] < max(total * LONG_GAP, _INSTANT):
            parts[-1] = parts[-1][0], until
        else:
            parts.append((since, until))
    return _laid_out(parts, width, cut)


def _merged(spans: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    present: tuple[datetime, datetime] | None = None
    for since, until in sorted(spans):
        until = max(until, since + _INSTANT)
        if present is None or since > present[1]:
            if present is not None:
                yield present
            present = since, until
        else:
            present = present[0], max(present[1], until)
    if present is not None:
        yield present


def _laid_out(parts: Sequence[tuple[datetime, datetime]], width: float, cut: float) -> Scale:
    cut = min(cut, width / (2 * len(parts)))
    total = sum((until - since for since, until in parts), timedelta())
    least = (width - cut * (len(parts) - 1)) * 0.5 / len(parts)
    # Half of the line is shared evenly, so that a short stretch between long ones can be seen.
    rest = width - cut * (len(parts) - 1) - least * len(parts)
    stretches: list[Stretch] = []
    cuts: list[Cut] = []
    x = 0.0
    for index, (since, until) in enumerate(parts):
        if index:
            cuts.append(Cut(start=x, width=cut, span=since - parts[index - 1][1]))
            x += cut
        own = least + rest * ((until - since) / total) if len(parts) > 1 else width
        stretches.append(Stretch(since=since, until=until, start=x, width=own))
        x += own
    return Scale(width=width, stretches=tuple(stretches), cuts=tuple(cuts))


def _step(stretch: Stretch, room: float) -> float:
    """Seconds between its ticks."""
    seconds = (stretch.until - stretch.since).total_seconds()
    least = seconds * room / stretch.width if stretch.width else seconds
    return next((step for step in _STEPS_S if step >= least), _STEPS_S[-1])


def _round_instants(stretch: Stretch, step: float) -> Iterator[datetime]:
    # Whole microseconds: fractions of seconds are not exact.
    size = timedelta(seconds=step)
    number = -((_EPOCH - stretch.since) // size)
    while (instant := _EPOCH + number * size) <= stretch.until:
        yield instant
        number += 1


def _clock(instant: datetime, step: float) -> str:
    if step < 1:
        return f"{instant:%H:%M:%S.%f}"[:-3]
    if step < 60:
        return f"{instant:%H:%M:%S}"
    return f"{instant:%H:%M}" if step < 86_400 else f"{instant:%b %d}"
