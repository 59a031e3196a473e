"""Definitions of calendars: what they cover, and what is said about wrong ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.calendar import Calendar
from callboard.domain.calendar_coverage import Coverage
from callboard.errors import InvalidInput

PRAGUE = ZoneInfo("Europe/Prague")
NEW_YORK = ZoneInfo("America/New_York")


def covering(**definition: Any) -> Coverage:
    return Calendar(name="c", definition=definition).coverage


def problems(definition: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        Calendar(name="c", definition=definition)
    return [(problem.field, problem.reason) for problem in caught.value.problems]


def in_prague(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=PRAGUE).astimezone(UTC)  # type: ignore[arg-type,misc]


def test_a_weekly_calendar_covers_hours_of_days_on_the_clocks_of_its_zone():
    hours = {"mon": [["09:00", "12:00"], ["13:00", "17:00"]]}
    coverage = covering(kind="weekly", zone="Europe/Prague", hours=hours)
    monday = in_prague(2026, 7, 6, 9)
    assert not coverage.covers(monday - timedelta(microseconds=1))
    assert coverage.covers(monday)
    assert not coverage.covers(in_prague(2026, 7, 6, 12))
    assert coverage.stretch(monday) == (True, in_prague(2026, 7, 6, 12))
    assert coverage.stretch(in_prague(2026, 7, 6, 17)) == (False, in_prague(2026, 7, 13, 9))
    assert coverage.covers(in_prague(2026, 1, 5, 9))


def test_two_days_that_meet_at_midnight_are_one_stretch_also_over_new_year():
    hours = {"thu": [["20:00", "24:00"]], "fri": [["00:00", "04:00"]]}
    coverage = covering(kind="weekly", hours=hours)
    start = datetime(2026, 12, 31, 20, tzinfo=UTC)
    assert coverage.stretch(start) == (True, datetime(2027, 1, 1, 4, tzinfo=UTC))


def test_the_whole_week_never_ends():
    whole = [["00:00", "24:00"]]
    hours = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), whole)
    coverage = covering(kind="weekly", hours=hours)
    assert coverage.stretch(datetime(2026, 1, 1, tzinfo=UTC)) == (True, None)


def test_a_day_is_23_or_25_hours_when_the_clocks_change():
    dates = ["2026-03-29", "2026-10-25"]
    coverage = covering(kind="dates", zone="Europe/Prague", dates=dates)
    spring, autumn = in_prague(2026, 3, 29), in_prague(2026, 10, 25)
    assert coverage.stretch(spring) == (True, spring + timedelta(hours=23))
    assert coverage.stretch(autumn) == (True, autumn + timedelta(hours=25))


def test_a_repeated_hour_is_covered_on_both_passes():
    coverage = covering(kind="weekly", zone="America/New_York", hours={"sun": [["01:00", "02:00"]]})
    first = datetime(2026, 11, 1, 1, tzinfo=NEW_YORK).astimezone(UTC)
    assert coverage.stretch(first) == (True, first + timedelta(hours=2))


def test_hours_that_the_clocks_jump_over_cover_nothing():
    coverage = covering(kind="weekly", zone="America/New_York", hours={"sun": [["02:00", "03:00"]]})
    gap = datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert coverage.stretch(gap - timedelta(hours=1))[0] is False
    assert coverage.stretch(gap)[0] is False


def test_a_range_of_dates_includes_both_ends():
    coverage = covering(kind="dates", dates=[["2026-12-24", "2026-12-26"]])
    start = datetime(2026, 12, 24, tzinfo=UTC)
    assert coverage.stretch(start) == (True, datetime(2026, 12, 27, tzinfo=UTC))
    assert coverage.stretch(datetime(2026, 12, 27, tzinfo=UTC)) == (False, None)


def test_an_annual_day_comes_every_year_and_a_range_may_go_over_new_year():
    coverage = covering(kind="annual", days=["05-01", ["12-30", "01-02"]])
    assert coverage.covers(datetime(2026, 5, 1, 12, tzinfo=UTC))
    assert coverage.covers(datetime(2099, 5, 1, 12, tzinfo=UTC))
    end = datetime(2027, 1, 3, tzinfo=UTC)
    assert coverage.stretch(datetime(2026, 12, 30, tzinfo=UTC)) == (True, end)


def test_the_29th_of_february_is_there_in_leap_years_only():
    coverage = covering(kind="annual", days=["02-29"])
    assert not coverage.covers(datetime(2026, 3, 1, tzinfo=UTC))
    # 2100 is no leap year (C11).
    assert coverage.stretch(datetime(2096, 3, 1, tzinfo=UTC)) == (
        False,
        datetime(2104, 2, 29, tzinfo=UTC),
    )
    ranges = covering(kind="annual", days=[["02-29", "03-02"]])
    assert ranges.stretch(datetime(2026, 2, 28, tzinfo=UTC))[1] == datetime(2026, 3, 1, tzinfo=UTC)


def test_ranges_are_half_open_and_join_where_they_touch():
    ranges = [
        ["2026-01-01T12:00:00+01:00", "2026-01-02T00:00:00Z"],
        ["2026-01-02T00:00:00Z", "2060-01-01T00:00:00Z"],
    ]
    coverage = covering(kind="ranges", ranges=ranges)
    start = datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert coverage.stretch(start) == (True, datetime(2060, 1, 1, tzinfo=UTC))
    assert not coverage.covers(datetime(2060, 1, 1, tzinfo=UTC))


@given(
    minutes=st.integers(0, 60 * 24 * 366 * 3),
    zone=st.sampled_from(["Europe/Prague", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_an_instant_is_covered_when_the_clocks_say_so(minutes: int, zone: str):
    instant = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    local = instant.astimezone(ZoneInfo(zone))
    weekly = covering(kind="weekly", zone=zone, hours={"sun": [["00:30", "02:15"]]})
    in_hours = local.weekday() == 6 and "00:30" <= f"{local:%H:%M}" < "02:15"
    assert weekly.covers(instant) is in_hours
    annual = covering(kind="annual", zone=zone, days=[["10-20", "11-03"]])
    assert annual.covers(instant) is ("10-20" <= f"{local:%m-%d}" <= "11-03")


@given(minutes=st.integers(0, 60 * 24 * 366 * 3))
def test_a_stretch_ends_where_the_answer_changes(minutes: int):
    instant = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    hours = {"mon": [["00:00", "24:00"]], "tue": [["00:00", "01:00"]], "sat": [["02:30", "04:00"]]}
    coverage = covering(kind="weekly", zone="Europe/Prague", hours=hours)
    covered, until = coverage.stretch(instant)
    assert until is not None
    assert covered is coverage.covers(instant) is coverage.covers(until - timedelta(microseconds=1))
    assert coverage.covers(until) is not covered


@pytest.mark.parametrize(
    ("definition", "fields"),
    [
        ({}, ["definition.kind"]),
        ({"kind": "moon"}, ["definition.kind"]),
        ({"kind": "weekly"}, ["definition.hours"]),
        ({"kind": "weekly", "hours": {}}, ["definition.hours"]),
        ({"kind": "weekly", "hours": {"monday": []}}, None),
        (
            {"kind": "weekly", "zone": "Europe/Pragu", "hours": {"mon": [["9:00", "17:00"]]}},
            ["definition.zone", "definition.hours.mon[0][0]"],
        ),
        ({"kind": "weekly", "hours": {"mon": [["22:00", "06:00"]]}}, ["definition.hours.mon[0]"]),
        ({"kind": "weekly", "hours": {"mon": [["09:00", "24:30"]]}}, None),
        ({"kind": "weekly", "hours": {"mon": [["09:00"]]}}, ["definition.hours.mon[0]"]),
        ({"kind": "dates", "dates": []}, ["definition.dates"]),
        ({"kind": "dates", "dates": ["2026-02-30"]}, ["definition.dates[0]"]),
        ({"kind": "dates", "dates": [["2026-02-03", "2026-02-01"]]}, ["definition.dates[0]"]),
        ({"kind": "dates", "dates": "2026-02-03"}, ["definition.dates"]),
        ({"kind": "dates", "dates": ["2026-02-03"], "day": 1}, ["definition.day"]),
        ({"kind": "annual", "days": ["13-01", "02-30", "02-29"]}, None),
        ({"kind": "ranges", "ranges": [["2026-01-01T00:00:00", 5]]}, ["definition.ranges[0][0]"]),
        (
            {"kind": "ranges", "ranges": [["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]]},
            ["definition.ranges[0]"],
        ),
        ({"kind": "ical"}, ["definition.text"]),
        ([], ["definition"]),
    ],
)
def test_what_is_wrong_is_said_at_its_field(definition: Any, fields: list[str] | None):
    found = [field for field, _ in problems(definition)]
    if fields is not None:
        assert found == fields
    assert found


def test_a_range_over_midnight_is_told_how_to_be_split():
    with pytest.raises(InvalidInput, match=r'\["00:00", "06:00"\] on the next'):
        Calendar(name="c", definition={"kind": "weekly", "hours": {"mon": [["22:00", "06:00"]]}})


def test_too_many_dates_are_refused():
    assert problems({"kind": "dates", "dates": ["2026-01-01"] * 10_001}) == [
        ("definition.dates", "has 10001 entries, not 1 to 10000")
    ]


def test_a_stored_calendar_outlives_the_removal_of_its_zone():
    gone = {"kind": "dates", "zone": "Atlantis/Main", "dates": ["2026-01-01"]}
    calendar = Calendar(id=7, name="c", definition=gone)
    with pytest.raises(InvalidInput, match="Atlantis"):
        _ = calendar.coverage


def test_equal_definitions_have_one_coverage():
    assert covering(kind="annual", days=["05-01"]) is covering(days=["05-01"], kind="annual")
