"""Warnings are about what would surprise, and about nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.domain.describe import describe
from callboard.domain.lint import warnings
from callboard.domain.schedule import (
    Cron,
    Schedule,
    after,
    at,
    calendar_interval,
    cron,
    every,
    on_demand,
    on_event,
)
from callboard.errors import InvalidInput
from domain.oracle_samples import DIALECTS, ZONES, make_text

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def one_warning(schedule: Schedule) -> str:
    (warning,) = warnings(schedule, after=NOON)
    return warning


def test_c14_a_step_that_does_not_divide_the_hour_is_warned_about() -> None:
    assert one_warning(cron("*/35 * * * *")) == (
        "*/35 in the minute field is not every 35 minutes: "
        "it matches 0, 35 and starts again each hour"
    )
    assert "it matches 40, 45, 50, 55 and starts" in one_warning(cron("40/5 * * * *"))
    assert "is not every 2 days" in one_warning(cron("0 0 */2 * *"))
    assert "is not every 5 months" in one_warning(cron("0 0 1 */5 *"))
    assert "is not every 7 seconds" in warnings(cron("0/7 * * * * ?", dialect="quartz"))[0]


def test_c03_day_fields_that_are_anded_are_warned_about() -> None:
    found = warnings(cron("0 0 */2 * 1"))
    assert any("has to match both '*/2' and '1'" in warning for warning in found)
    assert "in a crontab either would do" in one_warning(cron("0 0 0 1-7 * MON", dialect="spring"))


def test_c01_day_fields_that_are_ored_are_warned_about() -> None:
    assert "it need not be both" in one_warning(cron("0 0 13 * 5"))


def test_rates_below_a_minute_are_warned_about() -> None:
    every_second = cron("* 0 12 * * ?", dialect="quartz")
    assert "fires 60 times within every minute that matches" in one_warning(every_second)
    assert "fires 6 times within every minute" in one_warning(
        cron("*/10 * * * * *", dialect="spring")
    )
    assert one_warning(every(seconds=0.1)) == "it fires 10 times a second"


def test_a_star_for_the_minute_of_a_fixed_hour_is_warned_about() -> None:
    assert "fires 60 times within every hour that matches" in one_warning(cron("* 9 * * *"))


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 0 31 * *", "months with 28, 29 or 30 days have no slot"),
        ("0 0 30 * *", "months with 28 or 29 days have no slot"),
        ("0 0 31 1-7 *", "months with 28, 29 or 30 days have no slot"),
        ("0 0 29 2 *", "it fires rarely: next on 2028-02-29, then on 2032-02-29"),
    ],
)
def test_months_without_a_slot_are_warned_about(expression: str, words: str) -> None:
    assert one_warning(cron(expression)) == words


def test_c08_c09_special_days_that_some_months_lack_are_warned_about() -> None:
    assert "months with 28, 29 or 30 days have no slot" in warnings(cron("0 0 31W * *"))
    fifth = cron("0 0 0 ? * FRI#5", dialect="quartz")
    assert "have no fifth one of that weekday" in one_warning(fifth)


def test_years_that_are_over_or_far_apart_are_warned_about() -> None:
    assert "it has no slot after 2026-11-20 any more" in warnings(
        cron("0 0 0 1 1 ? 2020", dialect="quartz"), after=NOON
    )
    assert "any more" in one_warning(cron("at(2020-01-01T00:00:00)", dialect="aws"))
    assert one_warning(cron("0 0 0 1 1 ? 2027/3", dialect="quartz")) == (
        "it fires rarely: next on 2027-01-01, then on 2030-01-01"
    )


def test_rare_slots_are_named_by_their_local_dates() -> None:
    schedule = cron("*/5 0 29 2 *", zone="Europe/Berlin")
    assert "next on 2028-02-29, then on 2032-02-29" in one_warning(schedule)


def test_a_text_that_croniter_reads_otherwise_is_warned_about() -> None:
    assert "croniter reads this text otherwise" in one_warning(cron("1-1 * * * *"))


@pytest.mark.parametrize("expression", ["0 0 L * *", "0 0 LW * *", "0 0 * * 5L", "0 0 ? * 1"])
def test_extensions_of_vixie_are_warned_about(expression: str) -> None:
    assert "is an extension that other cron programs refuse" in one_warning(cron(expression))


def test_numbers_of_weekdays_that_count_from_one_are_warned_about() -> None:
    assert one_warning(cron("cron(0 9 ? * 2-6 *)", dialect="aws")) == (
        "2-6 in the day of week field: 2 is Monday in the aws dialect, where 1 is Sunday; "
        "the name MON is the same everywhere"
    )


def test_a_hash_without_a_key_is_warned_about() -> None:
    assert "H has no key to be hashed with" in one_warning(cron("H H * * *"))
    assert warnings(Cron(expression="H H * * *", hash_key="default/report")) == ()


@pytest.mark.parametrize(
    ("expression", "policy", "words"),
    [
        ("30 2 * * *", {}, "no 02:00 to 03:00 on 2027-03-14: slots in it fire once, at 03:00"),
        ("30 2 * * *", {"gap": "skip"}, "slots in it do not fire (gap: skip)"),
        ("30 1 * * *", {}, "01:00 to 02:00 twice on 2027-11-07: slots in it fire only the first"),
        ("30 1 * * *", {"fold": "both"}, "slots in it fire both times (fold: both)"),
        ("0 * * * *", {"fold": "first"}, "slots in it fire only the first time"),
    ],
)
def test_slots_that_a_clock_change_touches_are_warned_about(
    expression: str, policy: dict[str, str], words: str
) -> None:
    schedule = cron(expression, zone="America/New_York", **policy)  # type: ignore[arg-type]
    assert words in one_warning(schedule)


@pytest.mark.parametrize(
    ("at_local", "policy", "words"),
    [
        ("02:30", {}, "no 02:00 to 03:00 on 2027-03-14: slots in it fire once, at 03:00"),
        ("02:30", {"gap": "skip"}, "slots in it do not fire (gap: skip)"),
        ("01:30", {}, "01:00 to 02:00 twice on 2027-11-07: slots in it fire only the first"),
        ("01:30", {"fold": "both"}, "slots in it fire both times (fold: both)"),
    ],
)
def test_a_calendar_interval_that_a_clock_change_touches_is_warned_about(
    at_local: str, policy: dict[str, str], words: str
) -> None:
    zone = "America/New_York"
    schedule = calendar_interval(at_local, days=1, zone=zone, **policy)  # type: ignore[arg-type]
    assert words in one_warning(schedule)


def test_d08_months_without_the_day_of_the_anchor_are_warned_about() -> None:
    start = date(2027, 1, 31)
    clamped = calendar_interval("09:00", months=1, anchor_on=start)
    skipped = calendar_interval("09:00", months=1, anchor_on=start, day_overflow="skip")
    assert one_warning(clamped) == "months that have no day 31 have their slot on the last day"
    assert one_warning(skipped) == "months that have no day 31 have no slot"


def test_one_instant_in_a_gap_is_warned_about() -> None:
    schedule = cron("at(2027-03-14T02:30:00)", dialect="aws", zone="America/New_York")
    assert "slots in it fire once, at 03:00" in one_warning(schedule)


@pytest.mark.parametrize(
    "schedule",
    [
        cron("0 5 * * *", zone="America/New_York"),
        cron("*/15 * * * *", zone="America/New_York"),
        cron("30 2 * * *"),
        cron("30 2 1 1 *", zone="America/New_York"),
        cron("0 */6 * * mon-fri"),
        cron("0 9 * * 1-5"),
        cron("0 0 9 ? * MON-FRI", dialect="quartz"),
        cron("0 0 9 L * ?", dialect="quartz"),
        cron("cron(0/15 * * * ? *)", dialect="aws"),
        cron("rate(5 minutes)", dialect="aws"),
        cron("0 */10 * * * *", dialect="spring"),
        cron("@reboot"),
        every(minutes=35),
        after(minutes=5),
        calendar_interval("09:00", months=1, zone="America/New_York"),
        at(NOON),
        on_demand(),
        on_event(),
    ],
    ids=str,
)
def test_most_schedules_have_no_warnings(schedule: Schedule) -> None:
    assert warnings(schedule, after=NOON) == ()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32).map(Random), st.sampled_from(DIALECTS), st.sampled_from(ZONES))
def test_every_text_has_words_and_perhaps_warnings(random: Random, dialect: str, zone: str) -> None:
    text = make_text(random, dialect)
    try:
        schedule = cron(text, dialect=dialect, zone=zone)
    except InvalidInput:
        return
    assert describe(schedule)
    assert all(warnings(schedule, after=NOON))
