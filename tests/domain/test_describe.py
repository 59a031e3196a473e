"""Descriptions are true."""

from __future__ import annotations

import re
from calendar import month_name
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from callboard.domain.cron import parse_cron
from callboard.domain.cron_words import MOST_TIMES, cron_words
from callboard.domain.describe import describe
from callboard.domain.schedule import (
    Condition,
    Schedule,
    after,
    at,
    calendar_interval,
    cron,
    every,
    on_demand,
    on_event,
    when_all,
    when_any,
)
from callboard.errors import InvalidInput
from domain.oracle_samples import DIALECTS, make_text
from domain.oracle_text import Meaning, fields_of, read, values_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RANDOMS = st.integers(0, 2**32).map(Random)
NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = tuple(month_name)[1:]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 2 * * *", "At 02:00"),
        ("@hourly", "Every hour"),
        ("*/5 9-17 * * 1-5", "Every 5 minutes, between 09:00 and 17:59, Monday through Friday"),
        ("0 0 13 * 5", "At 00:00, on day 13 of the month, or on Friday"),
        ("0 0 */10 * 1", "At 00:00, on days 1, 11, 21 and 31 of the month, only if it is Monday"),
        ("*/35 * * * *", "At 0 and 35 minutes past the hour"),
        ("5/15 * * * *", "Every 15 minutes, starting at 5 minutes past the hour"),
        ("0 22-2 * * *", "At 00:00, 01:00, 02:00, 22:00 and 23:00"),
        ("*/5 9,12 * * *", "Every 5 minutes in the hours 9 and 12"),
        ("10-40 */6 * * *", "At minutes 10 to 40 of the hours 0, 6, 12 and 18"),
        ("0-4,6-59 * * * *", "At minutes 0 to 4 and 6 to 59 of every hour"),
        ("0 0 * * 0,7", "At 00:00, on Sunday"),
        ("0 0 * * 7/2", "At 00:00, on Tuesday, Thursday, Saturday and Sunday"),
        ("0 0 * * fri-sun", "At 00:00, Friday through Sunday"),
        ("0 0 * * 0-7", "At 00:00"),
        ("0 0 1-31 * 1", "At 00:00"),
        ("0 0 L * *", "At 00:00, on the last day of the month"),
        ("0 0 L-3 * *", "At 00:00, on the day 3 days before the last one of the month"),
        ("0 0 LW 1-3 *", "At 00:00, on the last weekday of the month, in January through March"),
        ("0 0 15W * *", "At 00:00, on the weekday nearest day 15 of the month"),
        ("0 0 * * 5L", "At 00:00, on the last Friday of the month"),
        ("0 0 * * 5#2", "At 00:00, on the second Friday of the month"),
        ("0 0 ? * *", "At 00:00"),
    ],
)
def test_vixie_in_words(expression: str, words: str) -> None:
    assert describe(cron(expression, zone="Europe/Prague")) == f"{words} (Europe/Prague)"


@pytest.mark.parametrize(
    ("dialect", "expression", "words"),
    [
        ("quartz", "*/10 * * * * ?", "Every 10 seconds"),
        ("quartz", "* * * * * ?", "Every second"),
        ("quartz", "5,20 * * * * ?", "At seconds 5 and 20 of every minute"),
        ("quartz", "30 0 12 * * ?", "At 12:00:30"),
        ("quartz", "* 0 12 * * ?", "Every second of the minute, at 12:00"),
        ("quartz", "0 0 0 ? * L", "At 00:00, on Saturday"),
        ("quartz", "0 0 9 ? * 2-6", "At 09:00, Monday through Friday"),
        (
            "quartz",
            "0 0 0 15W,L * ?",
            "At 00:00, on the weekday nearest day 15 and the last day of the month",
        ),
        (
            "quartz",
            "0 0 0 ? * 6#5 2026-2028",
            "At 00:00, on the fifth Friday of the month, in 2026 through 2028",
        ),
        ("aws", "cron(0 9 ? * MON-FRI *)", "At 09:00, Monday through Friday"),
        (
            "spring",
            "0 0 0 1-7 * MON",
            "At 00:00, on days 1 to 7 of the month, only if it is Monday",
        ),
    ],
)
def test_other_dialects_in_words(dialect: str, expression: str, words: str) -> None:
    assert describe(cron(expression, dialect=dialect)) == f"{words} (UTC)"


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (every(minutes=5), "Every 5 minutes"),
        (every(hours=1), "Every hour"),
        (every(minutes=90), "Every 1 hour 30 minutes"),
        (every(seconds=0.5), "Every 0.5 seconds"),
        (every(days=15, anchor_at=NOON), "Every 2 weeks 1 day, counted from 2026-11-20T12:00:00Z"),
        (after(minutes=1), "Each time 1 minute after the end of the firing before"),
        (
            calendar_interval("09:00", months=1, zone="Europe/Prague"),
            "Every month at 09:00, counted from the date of the activation (Europe/Prague)",
        ),
        (
            calendar_interval("09:00", months=3, anchor_on=date(2026, 1, 31)),
            (
                "Every 3 months at 09:00, counted from 2026-01-31, "
                "on the last day of a month that has no day 31 (UTC)"
            ),
        ),
        (
            calendar_interval(
                "09:00:30", years=1, days=10, anchor_on=date(2026, 1, 30), day_overflow="skip"
            ),
            (
                "Every 1 year 10 days at 09:00:30, counted from 2026-01-30, "
                "left out where the month has no day 30 (UTC)"
            ),
        ),
        (cron("rate(1 hour)", dialect="aws"), "Every hour"),
        (
            cron("at(2026-12-24T18:00:00)", dialect="aws", zone="Europe/Prague"),
            "Once, at 2026-12-24 18:00:00 (Europe/Prague)",
        ),
        (
            cron("@reboot"),
            "Once when the trigger is activated, and once at every start of the cluster",
        ),
        (at(NOON), "Once, at 2026-11-20T12:00:00Z"),
        (on_demand(), "Only on demand"),
        (on_event(), "For every event"),
        (
            on_event(batch_size=10, window_s=90),
            "For every 10 events, and 1 minute 30 seconds after the first of fewer",
        ),
        (when_all("load"), "Each time load succeeds"),
        (
            when_all("load", Condition(job="check", states=("failed", "timed_out")), "x"),
            "Each time load succeeds, check fails or times out and x succeeds, since the last time",
        ),
        (
            when_any("load", Condition(job="check", states=("stopped",))),
            "Each time load succeeds or check is stopped",
        ),
    ],
)
def test_other_kinds_in_words(schedule: Schedule, words: str) -> None:
    assert describe(schedule) == words


def some_words(random: Random, dialect: str) -> tuple[str, dict[str, str], Meaning]:
    """A random text in words, its fields, and what the oracle says it means."""
    text = make_text(random, dialect)
    try:
        words = cron_words(parse_cron(text, dialect))
    except InvalidInput:
        assume(False)
    return words, fields_of(text, dialect), read(text, dialect)


@settings(max_examples=300)
@given(RANDOMS, st.sampled_from(DIALECTS))
def test_times_that_are_listed_are_those_that_match(random: Random, dialect: str) -> None:
    words, _, meaning = some_words(random, dialect)
    if len(meaning.hours) * len(meaning.minutes) * len(meaning.seconds) > MOST_TIMES:
        assert not re.match(r"At \d\d:", words)
        return
    second = "" if meaning.seconds == {0} else ":{:02}"
    times = product(meaning.hours, meaning.minutes, meaning.seconds)
    listed = re.findall(r"\d\d(?::\d\d)+", words)
    assert sorted(listed) == sorted(f"{{:02}}:{{:02}}{second}".format(*time) for time in times)


@settings(max_examples=300)
@given(RANDOMS, st.sampled_from(DIALECTS))
def test_weekdays_that_are_named_are_those_that_match(random: Random, dialect: str) -> None:
    words, fields, meaning = some_words(random, dialect)
    weekday = fields["weekday"]
    assume(not re.search(r"#|L", weekday.upper()))
    wanted, named = values_of("weekday", weekday, dialect), named_weekdays(words)
    if named or len(wanted) == 7:
        assert named == (wanted if len(wanted) < 7 else set())
    else:
        any_month = replace(meaning, months=frozenset(range(1, 13)), years=None)
        assert all(any_month.matches_date(date(2024, 1, 1) + timedelta(n)) for n in range(5 * 365))


def named_weekdays(words: str) -> set[int]:
    """The weekdays of `Friday through Sunday and Tuesday`."""
    found = set()
    for first, last in re.findall(rf"({'|'.join(NAMES)})(?: through ({'|'.join(NAMES)}))?", words):
        start, end = NAMES.index(first), NAMES.index(last or first)
        found |= {n % 7 for n in range(start, end + 1 if end >= start else end + 8)}
    return found


@settings(max_examples=300)
@given(RANDOMS, st.sampled_from(DIALECTS))
def test_months_that_are_named_are_those_that_match(random: Random, dialect: str) -> None:
    words, _, meaning = some_words(random, dialect)
    found = set()
    for first, last in re.findall(
        rf"({'|'.join(MONTHS)})(?: through ({'|'.join(MONTHS)}))?", words
    ):
        found |= set(range(MONTHS.index(first) + 1, MONTHS.index(last or first) + 2))
    assert found == (set() if len(meaning.months) == 12 else meaning.months)
