"""Calendars of kind `ical`: the events of an iCalendar feed (RFC 5545).

    {"kind": "ical", "zone": "Europe/Prague", "text": "BEGIN:VCALENDAR..."}

Covered is what lies between the start (included) and the end (excluded) of an event, with its
recurrences, exceptions and moved occurrences; not what was cancelled. `zone` is where the events
are that name no zone themselves: those of whole days, and those with floating times.

Reading needs the extra `ical`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeAlias

from callboard.domain.calendar_coverage import Coverage, Span, YearlyCoverage
from callboard.domain.calendar_dates import touching
from callboard.domain.calendar_field import MAX_ENTRIES, zoned
from callboard.domain.calendar_wall import DAY_S, day_number, on_clocks_of
from callboard.errors import InvalidInput, invalid

MAX_TEXT: Final = 1_000_000
"""Characters."""
MAX_A_YEAR: Final = 100_000
"""Occurrences of recurring events in a year, together."""
_TIMES_A_YEAR: Final = {"DAILY": 366, "WEEKLY": 366, "MONTHLY": 372, "YEARLY": 366}
_MARGIN: Final = timedelta(days=2)
"""More than any two zones differ."""
_BROKEN: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What the parsing library raises for text that is not what it should be."""
_Event: TypeAlias = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feed:
    """A feed that was understood."""

    query: Any
    """What gives the occurrences between two instants."""
    first_year: int | None
    last_year: int | None
    """None: some events recur without an end."""


def ical_coverage(body: Mapping[str, object]) -> Coverage:
    """What a definition covers.

    Raises:
        InvalidInput: everything that is wrong, by field (`zone`, `text`); also where the extra is
            not installed.
    """
    zone, feed = zoned(body, "text", lambda body: _read(body.get("text")))

    def spans(low: datetime, high: datetime) -> Iterable[Span]:
        found = list(_occurrences(feed, low - _MARGIN, high + _MARGIN))
        instants = [each for each in found if isinstance(each[0], datetime)]
        walls = [each for each in found if isinstance(each[0], int)]
        yield from instants
        yield from on_clocks_of(zone, lambda first, last: touching(walls, first, last))(low, high)

    return YearlyCoverage(spans, first_year=feed.first_year, last_year=feed.last_year)


def _occurrences(
    feed: _Feed, low: datetime, high: datetime
) -> Iterator[tuple[datetime, datetime] | tuple[int, int]]:
    """Instants of events with a zone, wall times of the others."""
    try:
        events = feed.query.between(low, high)
    except _BROKEN as error:
        raise _unreadable(error) from None
    for event in events:
        if str(event.get("STATUS", "")).upper() != "CANCELLED":
            yield _bounds(event["DTSTART"].dt, event["DTEND"].dt)


def _bounds(start: date, end: date) -> tuple[datetime, datetime] | tuple[int, int]:
    if isinstance(start, datetime) and isinstance(end, datetime) and start.tzinfo and end.tzinfo:
        return start.astimezone(UTC), end.astimezone(UTC)
    return _wall(start), _wall(end)


def _wall(moment: date) -> int:
    wall = day_number(moment) * DAY_S
    if isinstance(moment, datetime):
        wall += moment.hour * 3600 + moment.minute * 60 + moment.second
    return wall


def _read(text: object) -> _Feed:
    if not isinstance(text, str):
        reason = "is missing" if text is None else f"is a {type(text).__name__}, not a string"
        raise invalid("text", reason, "give the text of an iCalendar feed")
    if len(text) > MAX_TEXT:
        raise invalid("text", f"has {len(text)} characters, more than {MAX_TEXT}")
    try:
        # Not needed by anybody who has no such calendar, and slow to import.
        import icalendar
        import recurring_ical_events
    except ImportError:
        fix = "pip install 'callboard[ical]'"
        raise invalid("text", "cannot be read here: the extra 'ical' is missing", fix) from None
    try:
        events = icalendar.Calendar.from_ical(text).walk("VEVENT")
        _check(events)
        query = recurring_ical_events.of(icalendar.Calendar.from_ical(text))
        feed = _Feed(query=query, first_year=_first_year(events), last_year=_last_year(events))
        if feed.first_year is not None:
            _try(feed, feed.first_year + 1)
    except InvalidInput:
        raise
    except _BROKEN as error:
        raise _unreadable(error) from None
    return feed


def _try(feed: _Feed, year: int) -> None:
    """Raises where the first year of the feed cannot be computed."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    for _ in _occurrences(feed, start, start + timedelta(days=366)):
        pass


def _unreadable(error: Exception) -> InvalidInput:
    return invalid("text", f"is not an iCalendar feed: {str(error)[:200] or type(error).__name__}")


def _check(events: list[_Event]) -> None:
    if len(events) > MAX_ENTRIES:
        raise invalid("text", f"has {len(events)} events, more than {MAX_ENTRIES}")
    total = 0
    for number, event in enumerate(events, 1):
        fault = next(_faults(event), None)
        if fault is not None:
            raise invalid("text", f"event {number} ({_title(event)}): {fault}")
        total += sum(_times_a_year(rule) for rule in _rules(event))
    if total > MAX_A_YEAR:
        raise invalid("text", f"has about {total} events a year, more than {MAX_A_YEAR}")


def _title(event: _Event) -> str:
    return str(event.get("SUMMARY") or event.get("UID") or "without a name")[:60]


def _faults(event: _Event) -> Iterator[str]:
    for name, reason in event.errors:
        yield f"{name}: {reason}"
    if "DTSTART" not in event:
        yield "DTSTART is missing"
        return
    for name in ("DTSTART", "DTEND"):
        if name not in event:
            continue
        value = event[name]
        zone = value.params.get("TZID")
        if zone is not None and isinstance(value.dt, datetime) and value.dt.tzinfo is None:
            yield f"{name}: there is no zone {str(zone)[:60]!r}"
    for rule in _rules(event):
        frequency = _frequency(rule)
        if frequency not in _TIMES_A_YEAR:
            yield f"RRULE: {frequency} is not one of {', '.join(_TIMES_A_YEAR)}"


def _rules(event: _Event) -> list[Any]:
    rule = event.get("RRULE")
    return [] if rule is None else rule if isinstance(rule, list) else [rule]


def _frequency(rule: Any) -> str:
    return str(next(iter(rule.get("FREQ", ())), "")).upper()


def _times_a_year(rule: Any) -> int:
    """An upper bound of its occurrences."""
    times = _TIMES_A_YEAR[_frequency(rule)]
    for part in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        times *= max(1, len(rule.get(part, ())))
    return times


def _first_year(events: list[_Event]) -> int | None:
    return min((event["DTSTART"].dt.year - 1 for event in events), default=None)


def _last_year(events: list[_Event]) -> int | None:
    """The last year in which anything is covered; None: there is none, or it is not known."""
    if any(_rules(event) or "RDATE" in event for event in events):
        return None
    ends = [event.end if "DTEND" in event or "DURATION" in event else None for event in events]
    starts = [event["DTSTART"].dt for event in events]
    return max((each.year + 1 for each in (*ends, *starts) if each is not None), default=1)
