"""Slots of every kind of schedule, and the ways to write one down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.schedule import (
    Cron,
    Interval,
    Schedule,
    at,
    count_slots,
    cron,
    every,
    next_slot,
    on_demand,
    slot_local,
    slot_marks,
    slots_between,
)
from callboard.errors import InvalidInput

NOON = datetime(2026, 3, 7, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


def first_slots(schedule: Schedule, count: int, after: datetime = NOON) -> list[datetime]:
    found: list[datetime] = []
    slot = next_slot(schedule, after=after, anchor=NOON)
    while slot is not None and len(found) < count:
        found.append(slot)
        slot = next_slot(schedule, after=slot, anchor=NOON)
    return found


def test_an_interval_begins_one_period_after_its_anchor() -> None:
    assert first_slots(every(hours=1), 3) == [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]


def test_an_interval_with_its_own_anchor_begins_there() -> None:
    schedule = every(hours=1, anchor_at=NOON + timedelta(minutes=7))
    assert first_slots(schedule, 2)[0] == NOON + timedelta(minutes=7)


def test_an_interval_counts_on_from_an_anchor_in_the_past() -> None:
    schedule = every(hours=1, anchor_at=NOON - timedelta(days=400, minutes=7))
    assert first_slots(schedule, 1) == [NOON + timedelta(minutes=53)]


def test_d02_a_day_of_an_interval_is_24_real_hours() -> None:
    schedule = every(days=1)
    slot = first_slots(schedule, 400)[-1]
    assert slot - NOON == timedelta(days=400)
    local = slot_local(cron("* * * * *", zone="America/New_York"), slot)
    assert local.hour != slot_local(cron("* * * * *", zone="America/New_York"), NOON).hour


def test_an_interval_does_not_drift() -> None:
    schedule = every(seconds=0.1)
    assert next_slot(schedule, after=NOON + timedelta(days=3650), anchor=NOON) == (
        NOON + timedelta(days=3650, seconds=0.1)
    )


@given(
    st.floats(0.1, 1e8),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC)),
)
def test_the_next_slot_of_an_interval_is_the_first_of_the_grid_that_is_later(
    every_s: float, after: datetime, anchor: datetime
) -> None:
    schedule = Interval(every_s=every_s)
    slot = next_slot(schedule, after=after, anchor=anchor)
    if slot is None:
        return
    assert slot > after
    assert (slot - anchor) % schedule.period == timedelta()
    assert slot - schedule.period <= max(after, anchor)


def test_at_is_one_slot_and_then_none() -> None:
    schedule = at(NOON)
    assert next_slot(schedule, after=NOON - MICROSECOND, anchor=NOON) == NOON
    assert next_slot(schedule, after=NOON, anchor=NOON) is None


def test_on_demand_has_no_slots() -> None:
    assert first_slots(on_demand(), 1) == []


def test_no_kind_has_slots_after_2200() -> None:
    after = datetime(2200, 12, 31, 23, 59, 59, tzinfo=UTC)
    for zone in ("UTC", "America/New_York", "Pacific/Kiritimati"):
        schedule = cron("* * * * *", zone=zone)
        last = datetime(2200, 12, 31, 23, 59, tzinfo=UTC)
        assert next_slot(schedule, after=last - MICROSECOND, anchor=NOON) == last
        assert next_slot(schedule, after=after, anchor=NOON) is None
        assert count_slots(
            schedule, after=last - HOUR, until=datetime.max.replace(tzinfo=UTC), anchor=NOON
        ) == (60, last - HOUR + timedelta(minutes=1), last)
    assert next_slot(every(days=1), after=after, anchor=NOON) is None


@pytest.mark.parametrize("schedule", [cron("0 * * * *"), every(hours=5), at(NOON), on_demand()])
@pytest.mark.parametrize("after", [datetime.min, datetime.max])  # noqa: DTZ901
def test_the_ends_of_the_calendar_do_no_harm(schedule: Schedule, after: datetime) -> None:
    after = after.replace(tzinfo=UTC)
    slot = next_slot(schedule, after=after, anchor=after)
    assert slot is None or slot > after
    until = datetime.max.replace(tzinfo=UTC)
    assert count_slots(schedule, after=after, until=until, anchor=NOON)[0] >= 0


def test_cron_slots_begin_in_1970() -> None:
    after = datetime(1, 1, 1, tzinfo=UTC)
    slot = next_slot(cron("0 0 1 1 *"), after=after, anchor=after)
    assert slot == datetime(1970, 1, 1, tzinfo=UTC)


def test_slots_between_are_those_after_the_first_bound_up_to_the_second() -> None:
    slots = list(slots_between(cron("0 * * * *"), after=NOON, until=NOON + 3 * HOUR, anchor=NOON))
    assert slots == [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]
    assert not list(slots_between(every(hours=1), after=NOON, until=NOON, anchor=NOON))


@pytest.mark.parametrize(
    "schedule",
    [
        cron("* * * * *", zone="America/New_York"),
        cron("*/7 3-5 * * mon", zone="America/New_York"),
        cron("30 2 * * *", zone="America/New_York"),
        cron("0 0 29 2 *"),
        every(minutes=7),
        every(days=9),
        at(NOON + 5 * HOUR),
        on_demand(),
    ],
    ids=str,
)
@pytest.mark.parametrize("length", [HOUR, timedelta(days=20), timedelta(days=90)])
def test_a_count_equals_the_slots_one_by_one(schedule: Schedule, length: timedelta) -> None:
    after = NOON + 17 * MICROSECOND
    until = after + length
    slots = list(slots_between(schedule, after=after, until=until, anchor=NOON))
    expected = (len(slots), slots[0] if slots else None, slots[-1] if slots else None)
    assert count_slots(schedule, after=after, until=until, anchor=NOON) == expected


def test_m03_a_count_over_a_century_is_no_work() -> None:
    until = NOON + timedelta(days=36525)
    assert count_slots(every(seconds=0.1), after=NOON, until=until, anchor=NOON)[0] == 31557600000
    minutes = count_slots(cron("* * * * *"), after=NOON, until=until, anchor=NOON)
    assert minutes == (36525 * 1440, NOON + timedelta(minutes=1), until)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_c21_a_slot_is_later_than_its_argument_by_a_microsecond_at_least(after: datetime) -> None:
    schedule = cron("*/15 1-3 * * *", zone="America/New_York")
    slot = next_slot(schedule, after=after, anchor=after)
    assert slot is not None
    assert slot > after
    assert next_slot(schedule, after=slot - MICROSECOND, anchor=after) == slot
    assert next_slot(schedule, after=slot, anchor=after) != slot


def test_only_cron_slots_have_marks() -> None:
    assert slot_marks(every(hours=1), NOON) == slot_marks(at(NOON), NOON) == ()


def test_policies_default_to_what_the_expression_is() -> None:
    fixed, wildcard = cron("30 2 * * *"), cron("*/30 * * * *")
    assert (fixed.gap, fixed.fold) == ("run", "first")
    assert (wildcard.gap, wildcard.fold) == ("skip", "both")
    assert cron("30 2 * * *", fold="both").fold == "both"
    assert cron("30 2 * * *") == cron("30 2 * * *", gap="run", fold="first")


def test_every_takes_a_timedelta_or_its_parts() -> None:
    assert every(timedelta(minutes=5)) == every(minutes=5) == every(seconds=300)
    assert every(hours=1, minutes=30).every_s == 5400


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: every(), "every_s: 0 is outside 0.1 to 316224000"),
        (lambda: every(seconds=-1), "every_s: -1 is outside"),
        (lambda: every(seconds=0.05), "every_s: 0.05 is outside"),
        (lambda: every(weeks=1000), "every_s: 604800000 is outside"),
        (lambda: every(days=1e300), "every_s: is not a length of time"),
        (lambda: every(seconds=float("nan")), "every_s: is not a length of time"),
        (lambda: every(60), "every_s: is a int"),
        (lambda: Interval(every_s=float("nan")), "every_s: nan is outside"),
        (lambda: Interval(every_s=True), "every_s: is a bool"),
        (lambda: at(datetime(2026, 1, 1)), "at: 2026-01-01T00:00:00 has no time zone"),  # noqa: DTZ001
        (lambda: at(datetime(2201, 1, 1, tzinfo=UTC)), "at: 2201-01-01 is after the year 2200"),
        (lambda: at("2026-01-01"), "at: is a str, not a datetime"),
        (lambda: every(hours=1, anchor_at=datetime(2026, 1, 1)), "anchor_at: .* no time zone"),  # noqa: DTZ001
        (lambda: cron("0 2 * * *", zone="Mars/Base"), "zone: there is no zone 'Mars/Base'"),
        (lambda: cron("0 2 * *"), "expression: column 8: has 4 of the five fields"),
        (lambda: cron("0 2 * * *", dialect="quartz"), "dialect: 'quartz' is not a dialect"),
        (lambda: cron("0 2 * * *", gap="jump"), "gap: 'jump' is not one of run, skip"),
        (lambda: cron("0 2 * * *", fold="last"), "fold: 'last' is not one of first, both"),
    ],
)
def test_wrong_values_are_refused_with_their_field(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(InvalidInput, match=words):
        make()


def test_instants_of_other_zones_become_utc() -> None:
    prague = datetime(2026, 12, 24, 18, tzinfo=ZoneInfo("Europe/Prague"))
    assert at(prague).at.isoformat() == "2026-12-24T17:00:00+00:00"


def test_d05_a_schedule_outlives_its_zone_but_its_slots_say_so() -> None:
    schedule = Cron(expression="0 2 * * *", zone="Atlantis/Capital")
    with pytest.raises(InvalidInput, match="zone: there is no zone 'Atlantis/Capital'"):
        next_slot(schedule, after=NOON, anchor=NOON)
