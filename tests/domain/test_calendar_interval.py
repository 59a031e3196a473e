"""Calendar intervals: months and days counted from an anchor, at a time of day of a zone."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.domain.schedule import (
    CalendarInterval,
    calendar_interval,
    count_slots,
    is_slot,
    next_slot,
    nominal_local,
    slot_local,
    slot_marks,
    slots_between,
)
from callboard.errors import InvalidInput

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2200, 12, 31, tzinfo=UTC)
NEW_YORK = "America/New_York"
A_MICROSECOND = timedelta.resolution


def dates(schedule: CalendarInterval, count: int, after: datetime = START) -> list[str]:
    slots = slots_between(schedule, after=after, until=END, anchor=after)
    return [f"{slot_local(schedule, slot):%Y-%m-%d}" for slot in islice(slots, count)]


def test_d08_monthly_from_the_31st_is_clamped_and_comes_back() -> None:
    schedule = calendar_interval("09:00", months=1, anchor_on=date(2026, 1, 31))
    assert dates(schedule, 4) == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]


def test_d08_or_short_months_are_left_out() -> None:
    schedule = calendar_interval(
        "09:00", months=1, anchor_on=date(2026, 1, 31), day_overflow="skip"
    )
    assert dates(schedule, 4) == ["2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31"]


def test_yearly_from_a_leap_day() -> None:
    clamped = calendar_interval("09:00", years=1, anchor_on=date(2028, 2, 29))
    assert dates(clamped, 3) == ["2028-02-29", "2029-02-28", "2030-02-28"]
    skipped = calendar_interval("09:00", years=1, anchor_on=date(2096, 2, 29), day_overflow="skip")
    assert dates(skipped, 2) == ["2096-02-29", "2104-02-29"]


def test_months_and_days_add_up_from_the_anchor() -> None:
    schedule = calendar_interval("09:00", months=1, days=1, anchor_on=date(2026, 1, 30))
    assert dates(schedule, 4) == ["2026-01-30", "2026-03-01", "2026-04-01", "2026-05-03"]


def test_every_second_week() -> None:
    schedule = calendar_interval("09:00", weeks=2, anchor_on=date(2025, 12, 1))
    assert dates(schedule, 2) == ["2026-01-12", "2026-01-26"]


def test_without_an_anchor_it_counts_from_the_local_date_of_the_activation() -> None:
    schedule = calendar_interval("09:00", days=10, zone="Asia/Tokyo")
    activation = datetime(2026, 1, 1, 20, tzinfo=UTC)  # the 2nd, 05:00 in Tokyo
    assert dates(schedule, 2, after=activation) == ["2026-01-02", "2026-01-12"]
    late = datetime(2026, 1, 2, 0, 0, 1, tzinfo=UTC)
    assert dates(schedule, 1, after=late) == ["2026-01-12"]


def test_nothing_comes_before_the_activation_or_the_anchor() -> None:
    activation = datetime(2026, 1, 2, 12, tzinfo=UTC)
    ages_ago = datetime(1980, 1, 1, tzinfo=UTC)
    schedule = calendar_interval("09:00", days=1)
    first = next_slot(schedule, after=ages_ago, anchor=activation)
    assert first == datetime(2026, 1, 3, 9, tzinfo=UTC)
    assert next_slot(calendar_interval("12:00", days=1), after=ages_ago, anchor=activation) == (
        activation
    )
    anchored = calendar_interval("09:00", days=1, anchor_on=date(2030, 1, 1))
    assert next_slot(anchored, after=START, anchor=START) == datetime(2030, 1, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("policy", "slots"),
    [
        ({}, ["07 02:30-05", "08 03:00-04 dst_gap", "09 02:30-04"]),
        ({"gap": "skip"}, ["07 02:30-05", "09 02:30-04", "10 02:30-04"]),
    ],
)
def test_a_time_in_a_gap(policy: dict[str, Any], slots: list[str]) -> None:
    schedule = calendar_interval("02:30", days=1, zone=NEW_YORK, **policy)
    assert shown(schedule, datetime(2026, 3, 7, tzinfo=UTC), 3) == slots


def test_d03_a_make_up_keeps_its_nominal_time() -> None:
    schedule = calendar_interval("02:30", months=1, anchor_on=date(2026, 2, 8), zone=NEW_YORK)
    slot = datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert is_slot(schedule, slot, anchor=START)
    assert nominal_local(schedule, slot).isoformat() == "2026-03-08T02:30:00"


@pytest.mark.parametrize(
    ("policy", "slots"),
    [
        ({}, ["01 01:30-04 dst_fold", "02 01:30-05"]),
        ({"fold": "both"}, ["01 01:30-04 dst_fold", "01 01:30-05 dst_fold"]),
    ],
)
def test_a_time_that_comes_twice(policy: dict[str, Any], slots: list[str]) -> None:
    schedule = calendar_interval("01:30", days=1, zone=NEW_YORK, **policy)
    assert shown(schedule, datetime(2026, 11, 1, 4, tzinfo=UTC), 2) == slots


def test_a_day_that_never_was_is_not_made_up_for() -> None:
    schedule = calendar_interval("12:00", days=1, zone="Pacific/Apia")
    assert dates(schedule, 2, after=datetime(2011, 12, 29, 12, tzinfo=UTC)) == [
        "2011-12-29",
        "2011-12-31",
    ]


def shown(schedule: CalendarInterval, after: datetime, count: int) -> list[str]:
    slots = slots_between(schedule, after=after, until=END, anchor=after)
    return [
        " ".join(
            [
                slot_local(schedule, slot).strftime("%d %H:%M%z").removesuffix("00"),
                *slot_marks(schedule, slot),
            ]
        )
        for slot in islice(slots, count)
    ]


def test_m03_a_count_over_a_century_is_no_work() -> None:
    schedule = calendar_interval("09:00", days=1, anchor_on=date(2026, 1, 1), zone=NEW_YORK)
    until = datetime(2126, 1, 1, tzinfo=UTC)
    count, first, last = count_slots(schedule, after=START, until=until, anchor=START)
    assert count == 36524
    assert (first, last) == (
        datetime(2026, 1, 1, 14, tzinfo=UTC),
        datetime(2125, 12, 31, 14, tzinfo=UTC),
    )


def test_the_last_slot_is_in_the_year_2200() -> None:
    schedule = calendar_interval("09:00", years=100, anchor_on=date(2000, 6, 1))
    assert next_slot(schedule, after=START, anchor=START) == datetime(2100, 6, 1, 9, tzinfo=UTC)
    last = datetime(2200, 6, 1, 9, tzinfo=UTC)
    assert next_slot(schedule, after=datetime(2101, 1, 1, tzinfo=UTC), anchor=START) == last
    assert next_slot(schedule, after=last, anchor=START) is None


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        CalendarInterval(months=-1, days=9999, at_local="9", anchor_on=START)
    assert [problem.field for problem in caught.value.problems] == [
        "months",
        "days",
        "at_local",
        "anchor_on",
    ]


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="zone: there is no zone 'Mars/Base'"):
        calendar_interval("09:00", days=1, zone="Mars/Base")


def test_a_time_of_day_has_one_form() -> None:
    assert calendar_interval("09:00:00", days=1) == calendar_interval("09:00", days=1)
    assert calendar_interval("09:00:30", days=1).at_local == "09:00:30"
    assert calendar_interval("00:00", days=1).second_of_day == 0
    assert calendar_interval("23:59:58", days=1).second_of_day == 86_398


# The oracle: every step by itself, placed in the zone by zoneinfo, in zones without corrections.


def oracle(schedule: CalendarInterval, until: datetime) -> list[datetime]:
    found: list[datetime] = []
    anchor, step = schedule.anchor_on, 0
    assert anchor is not None
    while True:
        year, month = divmod(anchor.month - 1 + step * schedule.months, 12)
        year, month = anchor.year + year, month + 1
        length = monthrange(year, month)[1]
        on = date(year, month, min(anchor.day, length)) + timedelta(days=step * schedule.days)
        step += 1
        if on > until.date() + timedelta(days=2):
            return [slot for slot in found if slot <= until]
        if anchor.day <= length or schedule.day_overflow == "clamp":
            found += place(schedule, datetime.combine(on, time.fromisoformat(schedule.at_local)))


def place(schedule: CalendarInterval, wall: datetime) -> list[datetime]:
    rules = ZoneInfo(schedule.zone)
    first, second = (wall.replace(tzinfo=rules, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(rules).replace(tzinfo=None) == wall:
        return [first] if schedule.fold == "first" or first == second else [first, second]
    if schedule.gap == "skip":
        return []
    # `second` is as far before the end of the gap as `wall` is after its start.
    end = second
    while end.astimezone(rules).utcoffset() == second.astimezone(rules).utcoffset():
        end += timedelta(minutes=1)
    return [end]


@settings(max_examples=300, deadline=None)
@given(
    months=st.sampled_from([0, 0, 1, 2, 5, 12, 13]),
    days=st.sampled_from([0, 1, 2, 7, 30]),
    at=st.times(time(0), time(4)).map(lambda at: f"{at.hour:02}:{at.minute // 15 * 15:02}"),
    zone=st.sampled_from(["UTC", NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "Asia/Tokyo"]),
    anchor_on=st.dates(date(2024, 1, 1), date(2026, 12, 31)),
    day_overflow=st.sampled_from(["clamp", "skip"]),
    gap=st.sampled_from(["run", "skip"]),
    fold=st.sampled_from(["first", "both"]),
    after=st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_slots_equal_those_of_every_step_by_itself(
    months: int, days: int, at: str, zone: str, after: datetime, **rest: Any
) -> None:
    schedule = CalendarInterval(
        months=months, days=days or int(not months), at_local=at, zone=zone, **rest
    )
    until = after + timedelta(days=500)
    expected = [slot for slot in oracle(schedule, until) if slot > after]
    found = list(slots_between(schedule, after=after, until=until, anchor=START))
    assert found == expected
    ends = (found[0], found[-1]) if found else (None, None)
    assert count_slots(schedule, after=after, until=until, anchor=START) == (len(found), *ends)
    assert next_slot(schedule, after=after, anchor=START) == (found[0] if found else None) or (
        not found
    )
