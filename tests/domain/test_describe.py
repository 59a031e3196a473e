"""Descriptions are true, warnings are about what would surprise."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.describe import describe, warnings
from callboard.domain.schedule import Schedule, at, cron, every, on_demand

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 2 * * *", "At 02:00"),
        ("@hourly", "Every hour"),
        ("*/5 9-17 * * 1-5", "Every 5 minutes, between 09:00 and 17:59, Monday through Friday"),
        ("0 0 13 * 5", "At 00:00, on day 13 of the month, or on Friday"),
        (
            "0 0 */10 * 1",
            "At 00:00, on day 1, 11, 21, and 31 of the month, and only if it is a Monday",
        ),
        ("*/35 * * * *", "At 0 and 35 minutes past the hour"),
        ("5/15 * * * *", "Every 15 minutes, starting at 5 minutes past the hour"),
        ("0 22-2 * * *", "At 00:00, 01:00, 02:00, 22:00 and 23:00"),
        ("0 0 * * 0,7", "At 00:00, only on Sunday"),
        ("0 0 * * 7/2", "At 00:00, only on Sunday, Tuesday, Thursday, and Saturday"),
        ("0 0 * * 0-7", "At 00:00"),
    ],
)
def test_cron_in_words(expression: str, words: str) -> None:
    assert describe(cron(expression, zone="Europe/Prague")) == f"{words} (Europe/Prague)"


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (every(minutes=5), "Every 5 minutes"),
        (every(hours=1), "Every hour"),
        (every(minutes=90), "Every 1 hour 30 minutes"),
        (every(seconds=0.5), "Every 0.5 seconds"),
        (every(days=15, anchor_at=NOON), "Every 2 weeks 1 day, counted from 2026-11-20T12:00:00Z"),
        (at(NOON), "Once, at 2026-11-20T12:00:00Z"),
        (on_demand(), "Only on demand"),
    ],
)
def test_other_kinds_in_words(schedule: Schedule, words: str) -> None:
    assert describe(schedule) == words


def one_warning(schedule: Schedule) -> str:
    (warning,) = warnings(schedule, after=NOON)
    return warning


def test_c14_a_step_that_does_not_divide_the_hour_is_warned_about() -> None:
    assert one_warning(cron("*/35 * * * *")) == (
        "*/35 in the minute field is not every 35 minutes: "
        "it matches 0, 35 and starts again each hour"
    )
    assert "is not every 2 days" in one_warning(cron("0 0 */2 * *"))
    assert "is not every 5 months" in one_warning(cron("0 0 1 */5 *"))


def test_c03_day_fields_that_are_anded_are_warned_about() -> None:
    found = warnings(cron("0 0 */2 * 1"))
    assert any("has to match both '*/2' and '1'" in warning for warning in found)


def test_c01_day_fields_that_are_ored_are_warned_about() -> None:
    assert "it need not be both" in one_warning(cron("0 0 13 * 5"))


def test_a_text_that_croniter_reads_otherwise_is_warned_about() -> None:
    assert "croniter reads this text otherwise" in one_warning(cron("1-1 * * * *"))


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
    "schedule",
    [
        cron("0 5 * * *", zone="America/New_York"),
        cron("*/15 * * * *", zone="America/New_York"),
        cron("30 2 * * *"),
        cron("30 2 1 1 *", zone="America/New_York"),
        cron("0 */6 * * mon-fri"),
        every(minutes=35),
        at(NOON),
        on_demand(),
    ],
    ids=str,
)
def test_most_schedules_have_no_warnings(schedule: Schedule) -> None:
    assert warnings(schedule, after=NOON) == ()


@given(st.integers(0, 2**32).map(Random))
def test_every_expression_has_words(random: Random) -> None:
    parts = []
    for low, high in ((0, 59), (0, 23), (1, 28), (1, 12), (0, 7)):
        a, b, n = random.randint(low, high), random.randint(low, high), random.randint(1, 70)
        parts.append(
            random.choice(("*", f"*/{n}", f"{a}", f"{a}-{b}", f"{a}-{b}/{n}", f"{a},{b}/{n}"))
        )
    schedule = cron(" ".join(parts), zone="Europe/Berlin")
    assert not describe(schedule).startswith("At the times that match")
    assert all(warnings(schedule))
