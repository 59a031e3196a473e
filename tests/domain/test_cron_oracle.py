"""C21: the walker against an oracle that looks at every single minute.

The oracle shares nothing with the code under test: expressions are generated together with the sets
of values that they mean, and zones are asked minute by minute.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from random import Random
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.domain.schedule import Cron, count_slots, next_slot, slots_between
from callboard.domain.zone_span import span_at

ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "America/St_Johns",
    "Pacific/Kwajalein",
)
MINUTE = timedelta(minutes=1)
LARGEST_SHIFT = timedelta(hours=3)
NAMES = {
    3: dict(enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)),  # noqa: SIM905
    4: dict(enumerate("sun mon tue wed thu fri sat".split())),  # noqa: SIM905
}
RANDOMS = st.integers(0, 2**32).map(Random)
"""By seed: what Hypothesis would shrink inside a Random is of no use to a reader."""
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


@dataclass(frozen=True)
class Sample:
    """An expression and what it means."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    both_days: bool
    wildcard: bool

    def matches_day(self, day: date) -> bool:
        in_month = day.day in self.days
        in_week = day.isoweekday() % 7 in self.weekdays
        hit = (in_month and in_week) if self.both_days else (in_month or in_week)
        return hit and day.month in self.months

    def matches(self, wall: datetime) -> bool:
        return (
            wall.minute in self.minutes
            and wall.hour in self.hours
            and self.matches_day(wall.date())
        )


def make_sample(random: Random) -> Sample:
    """A random expression of every shape the dialect has, biased to those people write."""
    while True:
        fields = [_make_field(random, index) for index in range(5)]
        texts = [text for text, _ in fields]
        minutes, hours, days, months, weekdays = (values for _, values in fields)
        both = "*" in (texts[2][0], texts[4][0])
        longest = max(29 if m == 2 else 30 if m in (4, 6, 9, 11) else 31 for m in months)
        if both and min(days) > longest:
            continue
        wildcard = "*" in (texts[0][0], texts[1][0])
        text = " ".join(texts)
        return Sample(text, minutes, hours, days, months, weekdays, both, wildcard)


def _make_field(random: Random, index: int) -> tuple[str, frozenset[int]]:
    star = (0.15, 0.3, 0.6, 0.7, 0.6)[index]
    if random.random() < star:
        return "*", frozenset(range(RANGES[index][0], RANGES[index][1] + 1))
    items = [_make_item(random, index) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    return ",".join(text for text, _ in items), frozenset().union(*(values for _, values in items))


def _make_item(random: Random, index: int) -> tuple[str, frozenset[int]]:
    low, high = RANGES[index]
    size = high - low + 1
    step = random.choice((1, 2, 3, 5, 7, 15, 40))
    a, b = random.randint(low, high), random.randint(low, high)
    match random.choice(("value", "value", "range", "range/step", "*/step", "a/step")):
        case "value":
            return _word(random, index, a), frozenset({a})
        case "range":
            length = (b - a) % size
            return _range_text(random, index, a, b), _cycle(low, size, a, length, 1)
        case "range/step":
            length = (b - a) % size
            text = f"{_range_text(random, index, a, b)}/{step}"
            return text, _cycle(low, size, a, length, step)
        case "*/step":
            return f"*/{step}", frozenset(range(low, high + 1, step))
        case _:
            return f"{a}/{step}", frozenset(range(a, high + 1, step))


def _cycle(low: int, size: int, start: int, length: int, step: int) -> frozenset[int]:
    return frozenset(low + (start - low + at) % size for at in range(0, length + 1, step))


def _range_text(random: Random, index: int, a: int, b: int) -> str:
    if index == 4 and b == 0 and a > 0 and random.random() < 0.5:
        return f"{a}-7"
    return f"{_word(random, index, a)}-{_word(random, index, b)}"


def _word(random: Random, index: int, value: int) -> str:
    if index in NAMES and random.random() < 0.4:
        return random.choice((str.lower, str.upper, str.title))(NAMES[index][value])
    return f"{value:02}" if random.random() < 0.1 else str(value)


@dataclass(frozen=True, slots=True)
class Minute:
    """What the oracle knows of one minute."""

    at: datetime
    wall: datetime
    lost: tuple[datetime, ...]
    """Wall minutes that the clocks jumped over to get here."""
    repeated: bool


def walk_minutes(zone: str, start: datetime, count: int) -> Iterator[Minute]:
    """A stretch of minutes; looks four hours back for wall times that come again."""
    rules = ZoneInfo(zone)
    at = start - timedelta(hours=4)
    wall = at.astimezone(rules).replace(tzinfo=None)
    repeated_until = datetime.min  # noqa: DTZ901
    while at < start + count * MINUTE:
        expected = wall + MINUTE
        at += MINUTE
        wall = at.astimezone(rules).replace(tzinfo=None)
        lost: tuple[datetime, ...] = ()
        if expected < wall <= expected + LARGEST_SHIFT:
            lost = tuple(expected + n * MINUTE for n in range((wall - expected) // MINUTE))
        if wall < expected <= wall + LARGEST_SHIFT:
            repeated_until = expected
        if at >= start:
            yield Minute(at, wall, lost, wall < repeated_until)


def oracle_slots(
    sample: Sample, minutes: tuple[Minute, ...], gap: str, fold: str
) -> list[datetime]:
    """The slots of a stretch."""
    days = {day: sample.matches_day(day) for day in {minute.wall.date() for minute in minutes}}
    slots = []
    for minute in minutes:
        wall = minute.wall
        hit = wall.minute in sample.minutes and wall.hour in sample.hours and days[wall.date()]
        if hit and minute.repeated and fold == "first":
            hit = False
        if minute.lost and gap == "run":
            hit = hit or any(sample.matches(lost) for lost in minute.lost)
        if hit:
            slots.append(minute.at)
    return slots


@lru_cache(maxsize=64)
def changes_of(zone: str) -> tuple[datetime, ...]:
    """Days from 1972 to 2040 before which the zone's offset was another."""
    rules = ZoneInfo(zone)
    days = [datetime(1972, 6, 1, tzinfo=UTC) + timedelta(days=n) for n in range(68 * 365)]
    offsets = [day.astimezone(rules).utcoffset() for day in days]
    return tuple(days[n] for n in range(1, len(days)) if offsets[n] != offsets[n - 1])


def make_stretch(random: Random, zone: str) -> tuple[Minute, ...]:
    """30 hours, mostly around a change of the clocks."""
    changes = changes_of(zone)
    if changes and random.random() < 0.8:
        start = random.choice(changes[-12:] if random.random() < 0.5 else changes)
        return tuple(walk_minutes(zone, start - timedelta(hours=27), 30 * 60))
    start = datetime(1975, 1, 1, tzinfo=UTC) + timedelta(days=random.randint(0, 80_000))
    return tuple(walk_minutes(zone, start, 30 * 60))


@cache
def shared_stretch(zone: str, number: int) -> tuple[Minute, ...]:
    """One of a few stretches of a zone, so that a fast test need not walk its own."""
    return make_stretch(Random(f"{zone} {number}"), zone)


def check(
    sample: Sample, zone: str, minutes: tuple[Minute, ...], random: Random, instants: int
) -> None:
    """One expression in one stretch: all slots, their number, and the next from some instants."""
    gap, fold = random.choice((None, "run", "skip")), random.choice((None, "first", "both"))
    schedule = Cron(expression=sample.text, zone=zone, gap=gap, fold=fold)
    gap = gap or ("skip" if sample.wildcard else "run")
    fold = fold or ("both" if sample.wildcard else "first")
    expected = oracle_slots(sample, minutes, gap, fold)
    after, until = minutes[0].at - timedelta(microseconds=1), minutes[-1].at
    anchor = after
    found = list(slots_between(schedule, after=after, until=until, anchor=anchor))
    assert found == expected, (schedule, minutes[0].at)
    ends = (expected[0], expected[-1]) if expected else (None, None)
    counted = count_slots(schedule, after=after, until=until, anchor=anchor)
    assert counted == (len(expected), *ends), (schedule, minutes[0].at)
    for _ in range(instants):
        instant = after + (until - after) * random.random()
        slot = next_slot(schedule, after=instant, anchor=anchor)
        place = bisect_right(expected, instant)
        if place < len(expected):
            assert slot == expected[place], (schedule, instant)
        else:
            assert slot is None or slot > until, (schedule, instant)


@settings(max_examples=250, deadline=None)
@given(RANDOMS)
def test_c21_slots_equal_those_of_a_minute_walk(random: Random) -> None:
    # 250 examples, each in 12 zones, each asked at 10 instants: 30,000 (text, zone, instant).
    sample = make_sample(random)
    for zone in ZONES:
        check(sample, zone, shared_stretch(zone, random.randrange(12)), random, instants=10)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(8))
def test_c21_a_million_instants_equal_a_minute_walk(seed: int) -> None:
    random = Random(seed)
    for _ in range(260):
        sample = make_sample(random)
        for zone in ZONES:
            check(sample, zone, make_stretch(random, zone), random, instants=40)


@settings(max_examples=300, deadline=None)
@given(
    RANDOMS,
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(ZONES),
)
def test_c21_the_next_slot_is_later_always_and_the_search_ends(
    random: Random, after: datetime, zone: str
) -> None:
    schedule = Cron(expression=make_sample(random).text, zone=zone)
    for _ in range(5):
        slot = next_slot(schedule, after=after, anchor=after)
        if slot is None:
            assert after.year > 2200 - 41  # a leap day on one weekday may be 40 years away
            return
        assert slot > after
        assert slot.year <= 2200
        after = slot


def _assert_spans_equal_the_zone(
    zone: str, start: datetime, end: datetime, step: timedelta
) -> None:
    rules = ZoneInfo(zone)
    at = start
    while at < end:
        offset = at.astimezone(rules).utcoffset()
        assert offset is not None
        assert span_at(zone, int(at.timestamp())).offset_s == offset.total_seconds(), (zone, at)
        at += step


@pytest.mark.parametrize("zone", ZONES)
def test_spans_have_the_zones_offset_at_every_hour(zone: str) -> None:
    start, end = datetime(2009, 1, 1, tzinfo=UTC), datetime(2012, 6, 1, tzinfo=UTC)
    _assert_spans_equal_the_zone(zone, start, end, timedelta(hours=1))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_spans_have_the_offset_of_every_zone() -> None:
    start, end = datetime(1970, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
    places = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/")
    for zone in sorted(available_timezones()):
        if zone.startswith((*places, "Indian/", "Pacific/")):
            _assert_spans_equal_the_zone(zone, start, end, timedelta(hours=11))
