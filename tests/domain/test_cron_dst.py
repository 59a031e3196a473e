"""Clock changes beyond the golden rows: whole days, nominal times, corrections, marks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from callboard.domain.cron import parse_cron
from callboard.domain.cron_walk import CronWalk
from callboard.domain.schedule import (
    Schedule,
    count_slots,
    cron,
    nominal_local,
    slot_local,
    slot_marks,
    slots_between,
)
from callboard.domain.schedule_slots import instant_seconds

NEW_YORK = "America/New_York"


def local_slots(schedule: Schedule, zone: str, day: str, days: int = 1) -> list[str]:
    """Slots of some local days as `DD HH:MM+ZZ`, marked ones with their marks."""
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    after = start.astimezone(UTC) - timedelta(microseconds=1)
    until = (start + timedelta(days=days)).astimezone(UTC) - timedelta(microseconds=1)
    slots = list(slots_between(schedule, after=after, until=until, anchor=after))
    ends = (slots[0], slots[-1]) if slots else (None, None)
    counted = count_slots(schedule, after=after, until=until, anchor=after)
    assert counted == (len(slots), *ends)
    return [_shown(schedule, slot) for slot in slots]


def _shown(schedule: Schedule, slot: datetime) -> str:
    text = slot_local(schedule, slot).strftime("%d %H:%M%z").removesuffix("00")
    return " ".join([text, *slot_marks(schedule, slot)])


def test_hourly_over_the_gap_goes_on_in_elapsed_hours() -> None:
    slots = local_slots(cron("0 * * * *", zone=NEW_YORK), NEW_YORK, "2026-03-08")
    assert slots[:4] == ["08 00:00-05", "08 01:00-05", "08 03:00-04", "08 04:00-04"]
    assert len(slots) == 23


def test_hourly_over_the_fold_fires_on_both_passes() -> None:
    slots = local_slots(cron("0 * * * *", zone=NEW_YORK), NEW_YORK, "2026-11-01")
    assert slots[1:4] == ["01 01:00-04 dst_fold", "01 01:00-05 dst_fold", "01 02:00-05"]
    assert len(slots) == 25


def test_half_hourly_over_the_fold_fires_on_both_passes() -> None:
    slots = local_slots(cron("*/30 * * * *", zone=NEW_YORK), NEW_YORK, "2026-11-01")
    assert [slot[3:11] for slot in slots[2:6]] == ["01:00-04", "01:30-04", "01:00-05", "01:30-05"]
    assert len(slots) == 50


def test_every_second_hour_over_the_fold_is_three_hours_apart_once() -> None:
    slots = local_slots(cron("0 */2 * * *", zone=NEW_YORK), NEW_YORK, "2026-11-01")
    assert slots[:3] == ["01 00:00-04", "01 02:00-05", "01 04:00-05"]


def test_next_year_the_rule_holds_again() -> None:
    schedule = cron("30 2 * * *", zone=NEW_YORK)
    slots = local_slots(schedule, NEW_YORK, "2027-03-13", 3)
    assert slots == ["13 02:30-05", "14 03:00-04 dst_gap", "15 02:30-04"]


def test_d03_a_make_up_keeps_the_lost_slots_nominal_time() -> None:
    schedule = cron("15,45 2 * * *", zone=NEW_YORK)
    slot = datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert nominal_local(schedule, slot) == datetime(2026, 3, 8, 2, 15)  # noqa: DTZ001
    assert slot_local(schedule, slot).isoformat() == "2026-03-08T03:00:00-04:00"


def test_d03_the_two_passes_are_two_slots() -> None:
    schedule = cron("30 1 * * *", zone=NEW_YORK, fold="both")
    start = datetime(2026, 11, 1, tzinfo=UTC)
    slots = list(
        slots_between(schedule, after=start, until=start + timedelta(days=1), anchor=start)
    )
    assert slots == [
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    ]
    assert {nominal_local(schedule, slot) for slot in slots} == {datetime(2026, 11, 1, 1, 30)}  # noqa: DTZ001


def test_d01_slots_are_utc_instants_in_order() -> None:
    schedule = cron("*/10 * * * *", zone=NEW_YORK)
    start = datetime(2026, 11, 1, tzinfo=UTC)
    slots = list(
        slots_between(schedule, after=start, until=start + timedelta(days=1), anchor=start)
    )
    assert all(slot.tzinfo is UTC for slot in slots)
    assert {later - earlier for earlier, later in pairwise(slots)} == {timedelta(minutes=10)}


def test_a_day_that_a_correction_left_out_is_not_made_up_for() -> None:
    # Kwajalein moved to the other side of the date line: 1993-08-21 never was.
    schedule = cron("0 12 * * *", zone="Pacific/Kwajalein")
    assert local_slots(schedule, "Pacific/Kwajalein", "1993-08-20", 3) == [
        "20 12:00-12",
        "22 12:00+12",
    ]


def test_days_that_a_correction_repeats_are_not_held_back() -> None:
    # Kwajalein's move to the other side in 1969 repeated 23 hours, the only one since 1900.
    walk = CronWalk(
        fields=parse_cron("0 12 * * *"), zone="Pacific/Kwajalein", gap_runs=True, fold_first=True
    )
    start = instant_seconds(datetime(1969, 9, 29, 12, tzinfo=UTC))
    first = walk.next(start)
    assert first == instant_seconds(datetime(1969, 9, 30, 1, tzinfo=UTC))  # 12:00+11
    assert walk.next(first) == instant_seconds(datetime(1969, 10, 1, tzinfo=UTC))  # 12:00-12
    assert walk.count(start, start + 2 * 86_400) == 2


def test_marks_are_empty_on_an_ordinary_day() -> None:
    schedule = cron("30 2 * * *", zone=NEW_YORK)
    assert slot_marks(schedule, datetime(2026, 3, 7, 7, 30, tzinfo=UTC)) == ()
