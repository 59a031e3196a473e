"""Slots of every kind of schedule, and the ways to write one down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.schedule import (
    Cron,
    Delay,
    Interval,
    Schedule,
    after,
    at,
    calendar_interval,
    count_slots,
    cron,
    every,
    gap_losses,
    is_slot,
    next_slot,
    nominal_local,
    on_demand,
    on_event,
    slot_local,
    slot_marks,
    slots_between,
    waits_without_slot,
    when_all,
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


KINDS: list[Schedule] = [
    cron("0 * * * *"),
    cron("@reboot"),
    cron("rate(5 hours)", dialect="aws"),
    cron("at(2026-03-08T02:30:00)", dialect="aws", zone="America/New_York"),
    every(hours=5),
    after(hours=5),
    at(NOON),
    calendar_interval("02:30", days=1, zone="America/New_York"),
    on_demand(),
    when_all("a", "b"),
    on_event(),
]


@pytest.mark.parametrize("schedule", KINDS, ids=str)
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
        cron("*/7 */11 3-5 ? * MON 2026", dialect="quartz", zone="America/New_York"),
        cron("0 0 0 ? * MON 2027", dialect="quartz", zone="America/New_York"),
        cron("rate(7 minutes)", dialect="aws"),
        cron("at(2026-03-08T02:30:00)", dialect="aws", zone="America/New_York"),
        cron("@reboot"),
        every(minutes=7),
        every(days=9),
        after(hours=5),
        at(NOON + 5 * HOUR),
        calendar_interval("02:30", days=1, zone="America/New_York"),
        calendar_interval("02:30", days=1, zone="America/New_York", gap="skip"),
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


def test_a_delay_is_one_slot_after_its_anchor() -> None:
    assert first_slots(after(minutes=5), 3) == [NOON + timedelta(minutes=5)]
    earlier = NOON - timedelta(days=1)
    assert first_slots(after(minutes=5), 1, after=earlier) == [NOON + timedelta(minutes=5)]


def test_c19_reboot_is_one_slot_at_the_activation() -> None:
    schedule = cron("@reboot")
    assert schedule.is_reboot
    assert next_slot(schedule, after=NOON - MICROSECOND, anchor=NOON) == NOON
    assert next_slot(schedule, after=NOON, anchor=NOON) is None


def test_c20_a_rate_counts_from_the_activation_in_real_time() -> None:
    schedule = cron("rate(24 hours)", dialect="aws", zone="America/New_York")
    assert first_slots(schedule, 2) == [NOON + timedelta(days=1), NOON + timedelta(days=2)]
    assert (schedule.gap, schedule.fold) == ("skip", "both")


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("at(2026-12-24T18:00:30)", datetime(2026, 12, 24, 23, 0, 30, tzinfo=UTC)),
        ("at(2027-03-14T02:30:00)", datetime(2027, 3, 14, 7, tzinfo=UTC)),  # in the gap
        ("at(2026-11-01T01:30:00)", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),  # comes twice
    ],
)
def test_an_aws_at_is_one_wall_time_of_the_zone(text: str, slot: datetime) -> None:
    assert first_slots(cron(text, dialect="aws", zone="America/New_York"), 3) == [slot]


@pytest.mark.parametrize("schedule", KINDS, ids=str)
def test_an_instant_is_a_slot_or_not(schedule: Schedule) -> None:
    slots = first_slots(schedule, 3)
    assert all(is_slot(schedule, slot, anchor=NOON) for slot in slots)
    assert not any(is_slot(schedule, slot + MICROSECOND, anchor=NOON) for slot in slots)
    assert not is_slot(schedule, datetime.min.replace(tzinfo=UTC), anchor=NOON)


def test_some_kinds_wait_although_they_have_no_next_slot() -> None:
    waiting = [schedule.kind for schedule in KINDS if waits_without_slot(schedule)]
    assert waiting == ["cron", "delay", "on_demand", "conditional", "event"]
    assert waits_without_slot(cron("@reboot"))


def test_lost_slots_are_told_with_the_gap_that_lost_them() -> None:
    zone, until = "America/New_York", NOON + timedelta(days=400)
    gaps = [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2027, 3, 14, 7, tzinfo=UTC)]

    def lost(schedule: Schedule) -> list[tuple[datetime, int]]:
        return list(gap_losses(schedule, after=NOON, until=until, anchor=NOON))

    assert lost(cron("30 2 * * *", zone=zone, gap="skip")) == [(gap, 1) for gap in gaps]
    assert lost(cron("*/20 2 * * *", zone=zone)) == [(gap, 3) for gap in gaps]
    assert lost(cron("30 2 14 * *", zone=zone, gap="skip")) == [(gaps[1], 1)]
    assert lost(calendar_interval("02:30", days=1, zone=zone, gap="skip")) == [
        (gap, 1) for gap in gaps
    ]


def test_nothing_is_lost_that_is_made_up_for_or_merges_with_a_slot() -> None:
    zone, until = "America/New_York", NOON + timedelta(days=400)
    schedules = [
        cron("30 2 * * *", zone=zone),
        cron("0,30 2,3 * * *", zone=zone, gap="skip"),
        cron("* * * * *", zone=zone),
        cron("30 2 * * *", zone="UTC", gap="skip"),
        every(hours=1),
    ]
    for schedule in schedules:
        assert not list(gap_losses(schedule, after=NOON, until=until, anchor=NOON))


def test_the_bounds_of_lost_slots_are_those_of_slots() -> None:
    schedule = cron("30 2 * * *", zone="America/New_York", gap="skip")
    gap = datetime(2026, 3, 8, 7, tzinfo=UTC)
    found = [(gap, 1)]
    assert list(gap_losses(schedule, after=NOON, until=gap, anchor=NOON)) == found
    assert list(gap_losses(schedule, after=gap - MICROSECOND, until=gap, anchor=NOON)) == found
    assert not list(gap_losses(schedule, after=gap, until=gap + HOUR, anchor=NOON))
    assert not list(gap_losses(schedule, after=NOON, until=gap - MICROSECOND, anchor=NOON))


def test_a_slot_centuries_away_is_found_at_once() -> None:
    slot = first_slots(cron("0 0 12 1 1 ? 2199", dialect="quartz", zone="Europe/Berlin"), 2)
    assert slot == [datetime(2199, 1, 1, 11, tzinfo=UTC)]


def test_seconds_of_the_last_minute_of_the_year_2200() -> None:
    schedule = cron("*/20 * * * * *", dialect="spring", zone="America/New_York")
    after = datetime(2200, 12, 31, 23, 59, 30, tzinfo=UTC)
    slots = list(slots_between(schedule, after=after, until=after + HOUR, anchor=NOON))
    assert slots == [after + timedelta(seconds=10)]
    assert nominal_local(schedule, slots[0]).isoformat() == "2200-12-31T18:59:40"


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
        (lambda: cron("0 2 * * *", dialect="jenkins"), "dialect: 'jenkins' is not a dialect"),
        (lambda: cron("H 2 * * *", hash_key="x" * 1001), "hash_key: is not a string of at most"),
        (lambda: after(), "after_s: 0 is outside 0.1 to 316224000"),
        (lambda: after(60), "after_s: is a int .write after.seconds=...."),
        (lambda: Delay(after_s=float("inf")), "after_s: inf is outside"),
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
