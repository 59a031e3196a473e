"""`callboard calendars`, with the calendars of the examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from service.cli.conftest import Callboard

Make = Callable[..., str]
EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "calendars"
ANNUAL = {"kind": "annual", "zone": "Europe/Prague", "days": ["01-01", ["12-24", "12-26"]]}
PERIOD = ("--from", "2026-12-23T00:00:00Z", "--until", "2026-12-29T00:00:00Z")


def pending(callboard: Callboard, trigger: str) -> list[str]:
    """The slots of some days around Christmas that are to fire."""
    page = callboard("triggers", "slots", trigger, *PERIOD, "--json").value
    return [slot["local"][:16] for slot in page["items"] if slot["reason"] is None]


def test_the_examples_leave_out_holidays_and_keep_to_office_hours(
    callboard: Callboard, make_job: Make
) -> None:
    job = make_job()
    feed = str(EXAMPLES / "holidays.ics")
    put = callboard("calendars", "put", f"{job}-h", feed, "--zone", "Europe/Prague")
    assert "feed" in put.out
    assert "15 events" in put.out
    hours = str(EXAMPLES / "office-hours.json")
    assert "mon 08:00..18:00; tue" in callboard("calendars", "put", f"{job}-o", hours).out
    words = ("--cron", "0 7,12,20 * * *", "--zone", "Europe/Prague")
    rules = ("--exclude", f"{job}-h", "--include", f"{job}-o")
    made = callboard("triggers", "create", job, "-j", job, *words, *rules)
    assert f"calendar    exclude {job}-h\ncalendar    include {job}-o\n" in made.out
    assert pending(callboard, job) == ["2026-12-23T12:00", "2026-12-28T12:00"]


def test_a_slot_on_a_holiday_moves_to_the_day_before(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    feed = str(EXAMPLES / "holidays.ics")
    callboard("calendars", "put", job, feed, "--zone", "Europe/Prague")
    words = ("--cron", "0 17 24 * *", "-z", "Europe/Prague", "--exclude", job)
    made = callboard("triggers", "create", job, "-j", job, *words, "--shift", "previous")
    assert f"exclude {job}, moved to the previous day left" in made.out
    assert pending(callboard, job) == ["2026-12-23T17:00"]


def test_a_calendar_is_put_listed_shown_and_deleted(callboard: Callboard, name: str) -> None:
    put = callboard("calendars", "put", name, "-", "--description", "d", stdin=json.dumps(ANNUAL))
    assert "days         01-01, 12-24..12-26\n" in put.out
    rows = [row.split() for row in callboard("calendars", "list").out.splitlines()]
    assert [name, "default", "annual", "d"] in [row[:4] for row in rows]
    assert callboard("calendars", "put", name, "-", stdin=json.dumps(ANNUAL)).code == 0
    assert callboard("calendars", "delete", name).err == f"deleted the calendar {name}\n"
    assert callboard("calendars", "get", name).code == 3


def test_what_get_prints_can_be_put(callboard: Callboard, name: str) -> None:
    callboard("calendars", "put", name, "-", "--description", "d", stdin=json.dumps(ANNUAL))
    shown = callboard("calendars", "get", name, "--json")
    put = callboard("calendars", "put", name, "-", "--json", stdin=shown.out)
    assert put.out == shown.out


def test_a_calendar_in_use_is_kept(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    callboard("calendars", "put", job, "-", stdin=json.dumps(ANNUAL))
    callboard("triggers", "create", job, "-j", job, "--every", "1d", "--exclude", job)
    done = callboard("calendars", "delete", job)
    assert (done.code, f"is obeyed by {job}" in done.err) == (3, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello", "-: is not JSON"),
        ("[]", "-: is not a JSON object"),
        ('{"kind": "lunar"}', "definition.kind: 'lunar'"),
        ('{"kind": "annual", "zone": "UTC", "days": ["02-30"]}', "definition.days[0]: '02-30'"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:x\n", "definition.text"),
    ],
)
def test_a_wrong_definition_is_usage_and_named(
    callboard: Callboard, name: str, content: str, said: str
) -> None:
    done = callboard("calendars", "put", name, "-", stdin=content)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_only_a_feed_takes_a_zone(callboard: Callboard, name: str) -> None:
    done = callboard("calendars", "put", name, "-", "-z", "UTC", stdin=json.dumps(ANNUAL))
    assert (done.code, "is no iCal feed" in done.err) == (2, True)
