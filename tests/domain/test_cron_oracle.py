"""C21: the walker against an oracle that looks at every single minute, in every dialect.

The oracle (oracle_text.py, oracle_walk.py) shares nothing with the code under test.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.domain.cron import CronFields, read_cron
from callboard.domain.cron_words import values_of
from callboard.domain.schedule import (
    Cron,
    count_slots,
    gap_losses,
    next_slot,
    slot_marks,
    slots_between,
)
from callboard.domain.zone_span import span_at
from callboard.errors import InvalidInput
from domain.oracle_samples import (
    DIALECTS,
    ZONES,
    all_places,
    damage,
    make_day,
    make_text,
    make_zone,
)
from domain.oracle_text import read
from domain.oracle_walk import DAY_S, EPOCH, Oracle

RANDOMS = st.integers(0, 2**32).map(Random)
"""By seed: what Hypothesis would shrink inside a Random is of no use to a reader."""
DAYS = 3
"""The length of a compared stretch."""
A_MICROSECOND = timedelta(microseconds=1)


def instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def make_schedule(random: Random, zone: str) -> tuple[Cron, Oracle]:
    """A random schedule of any dialect and policy, and its oracle."""
    while True:
        dialect = random.choice(DIALECTS)
        text = make_text(random, dialect)
        gap, fold = random.choice((None, "run", "skip")), random.choice((None, "first", "both"))
        policy: dict[str, Any] = {"gap": gap, "fold": fold}
        meaning = read(text, dialect)
        try:
            schedule = Cron(expression=text, dialect=dialect, zone=zone, **policy)
        except InvalidInput as error:
            assert_never_fires(text, dialect, str(error))
            continue
        return schedule, Oracle(meaning, zone, gap or meaning.gap, fold or meaning.fold)


def assert_never_fires(text: str, dialect: str, words: str) -> None:
    """Looks at 41 years: a leap day on one weekday may take so long."""
    assert "never fires" in words, (dialect, text, words)
    meaning = read(text, dialect)
    years = sorted(meaning.years) if meaning.years is not None else range(1996, 2037)
    days = (date(year, 1, 1) + timedelta(days=n) for year in years for n in range(366))
    assert not any(meaning.matches_date(day) for day in days), (dialect, text)


def check(schedule: Cron, oracle: Oracle, random: Random, first_day: int, instants: int) -> int:
    """All slots of a stretch, their number and marks, and the next from some instants."""
    where = (schedule, EPOCH + timedelta(days=first_day))
    expected = [instant(slot) for slot in oracle.slots(first_day, DAYS)]
    after = instant(first_day * DAY_S) - A_MICROSECOND
    until = instant((first_day + DAYS) * DAY_S) - A_MICROSECOND
    found = list(slots_between(schedule, after=after, until=until, anchor=after))
    assert found == expected, where
    losses = [(instant(at), count) for at, count in oracle.losses(first_day, DAYS)]
    assert list(gap_losses(schedule, after=after, until=until, anchor=after)) == losses, where
    assert_count(schedule, after, until, expected)
    for _ in range(2):
        low, high = sorted(_some_instant(random, after, until, expected) for _ in range(2))
        assert_count(schedule, low, high, expected)
    for slot in random.sample(expected, min(4, len(expected))):
        marks = oracle.marks(int(slot.timestamp()))
        assert slot_marks(schedule, slot) == marks, (schedule, slot)
    for _ in range(instants):
        asked = _some_instant(random, after, until, expected)
        assert_next(schedule, asked, expected, until)
    return instants


def assert_count(schedule: Cron, after: datetime, until: datetime, slots: list[datetime]) -> None:
    """In (after, until], given all slots around."""
    within = slots[bisect_right(slots, after) : bisect_right(slots, until)]
    ends = (within[0], within[-1]) if within else (None, None)
    counted = count_slots(schedule, after=after, until=until, anchor=after)
    assert counted == (len(within), *ends), (schedule, after, until)


def _some_instant(
    random: Random, after: datetime, until: datetime, slots: list[datetime]
) -> datetime:
    """Anywhere in the stretch, or at a slot, or a microsecond before it."""
    if slots and random.random() < 0.2:
        return random.choice(slots) - random.choice((timedelta(), A_MICROSECOND))
    return after + (until - after) * random.random()


def assert_next(schedule: Cron, asked: datetime, expected: list[datetime], until: datetime) -> None:
    slot = next_slot(schedule, after=asked, anchor=asked)
    assert slot is None or slot > asked, (schedule, asked)
    place = bisect_right(expected, asked)
    if place < len(expected):
        assert slot == expected[place], (schedule, asked)
    else:
        assert slot is None or slot > until, (schedule, asked)


@pytest.mark.parametrize("zone", ZONES)
def test_c21_slots_equal_those_of_a_minute_walk(zone: str) -> None:
    random = Random(zone)
    days = [make_day(random, zone) for _ in range(12)]
    for _ in range(60):
        schedule, oracle = make_schedule(random, zone)
        check(schedule, oracle, random, random.choice(days), instants=10)


@settings(max_examples=150, deadline=None)
@given(RANDOMS, st.sampled_from(ZONES), st.integers(0, 9))
def test_c21_any_slots_equal_those_of_a_minute_walk(random: Random, zone: str, day: int) -> None:
    schedule, oracle = make_schedule(random, zone)
    days = Random(zone)
    first_day = [make_day(days, zone) for _ in range(10)][day]
    check(schedule, oracle, random, first_day, instants=10)


@settings(max_examples=150, deadline=None)
@given(RANDOMS, st.sampled_from(ZONES), st.integers(1000, 60_000))
def test_c21_a_distant_next_slot_equals_that_of_a_minute_walk(
    random: Random, zone: str, day: int
) -> None:
    schedule, oracle = make_schedule(random, zone)
    after = day * DAY_S + random.randrange(DAY_S)
    slot = next_slot(schedule, after=instant(after), anchor=instant(after))
    expected = oracle.next(after, days=800)
    if expected is not None:
        assert slot == instant(expected), (schedule, instant(after))
    else:
        assert slot is None or slot >= instant(after + 799 * DAY_S), (schedule, instant(after))


@settings(max_examples=200, deadline=None)
@given(RANDOMS, st.sampled_from(DIALECTS), st.integers(1971, 2035))
def test_c21_matching_dates_equal_those_asked_one_by_one(
    random: Random, dialect: str, year: int
) -> None:
    text = make_text(random, dialect)
    try:
        schedule = Cron(expression=text, dialect=dialect)
    except InvalidInput as error:
        assert_never_fires(text, dialect, str(error))
        return
    meaning = read(text, dialect)
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(3 * 365)]
    found, after = [], datetime(year, 1, 1, tzinfo=UTC) - A_MICROSECOND
    while True:
        slot = next_slot(schedule, after=after, anchor=after)
        if slot is None or slot.date() > days[-1]:
            break
        found.append(slot.date())
        after = datetime(slot.year, slot.month, slot.day, 23, 59, 59, tzinfo=UTC)
    assert found == [day for day in days if meaning.matches_date(day)], (dialect, text)


@settings(max_examples=600, deadline=None)
@given(RANDOMS, st.sampled_from(DIALECTS))
def test_c17_a_damaged_text_is_refused_with_its_column_or_means_what_it_says(
    random: Random, dialect: str
) -> None:
    text = damage(random, make_text(random, dialect))
    try:
        fields = read_cron(text, dialect)
    except InvalidInput as error:
        assert_points_into(text, error)
        return
    if isinstance(fields, CronFields) and not fields.uses_hash:
        meaning = read(text, dialect)
        assert values_of(fields.seconds) == sorted(meaning.seconds)
        assert values_of(fields.minutes) == sorted(meaning.minutes)
        assert values_of(fields.hours) == sorted(meaning.hours)
        assert values_of(fields.months) == sorted(meaning.months)


def assert_points_into(text: str, error: InvalidInput) -> None:
    for problem in error.problems:
        column = re.match(r"column (\d+)[,:] ?", problem.reason)
        assert problem.field == "expression"
        assert column is not None, (text, problem)
        assert 1 <= int(column[1]) <= len(text) + 1, (text, problem)


def test_c21_the_search_ends_when_the_years_of_a_text_are_over() -> None:
    schedule = Cron(expression="cron(0 0 1 1 ? 2034)", dialect="aws")
    after = datetime(2085, 11, 1, tzinfo=UTC)
    assert next_slot(schedule, after=after, anchor=after) is None


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(20))
def test_c21_fifty_thousand_instants_equal_a_minute_walk(seed: int) -> None:
    """A million with all seeds: (text, dialect, policy, zone, instant), each compared."""
    random, compared, stretches = Random(seed), 0, 0
    while compared < 50_000:
        zone = make_zone(random)
        first_day = make_day(random, zone)
        for _ in range(6):
            schedule, oracle = make_schedule(random, zone)
            compared += check(schedule, oracle, random, first_day, instants=25)
            stretches += 1
    print(f"seed {seed}: {compared} instants in {stretches} stretches", file=sys.stderr)


@settings(max_examples=300, deadline=None)
@given(RANDOMS, st.datetimes(timezones=st.just(UTC)), st.sampled_from(ZONES))
def test_c21_the_next_slot_is_later_always_and_the_search_ends(
    random: Random, after: datetime, zone: str
) -> None:
    schedule, oracle = make_schedule(random, zone)
    for _ in range(5):
        slot = next_slot(schedule, after=after, anchor=after)
        if slot is None:
            # A leap day on one weekday may be 40 years away.
            years = oracle.meaning.years
            assert after.year > 2200 - 41 or (years is not None and max(years) <= after.year + 12)
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
    for zone in all_places():
        _assert_spans_equal_the_zone(zone, start, end, timedelta(hours=11))
