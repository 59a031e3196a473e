"""Calendars from iCalendar feeds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callboard.domain.calendar import Calendar
from callboard.domain.calendar_coverage import Coverage
from callboard.errors import InvalidInput

pytest.importorskip("recurring_ical_events")


def feed(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\nUID:{n}\n{e}\nEND:VEVENT\n" for n, e in enumerate(events))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{body}END:VCALENDAR\n"


def covering(*events: str, zone: str = "UTC") -> Coverage:
    definition = {"kind": "ical", "zone": zone, "text": feed(*events)}
    return Calendar(name="c", definition=definition).coverage


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def refusal(*events: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        covering(*events)
    assert [problem.field for problem in caught.value.problems] == ["definition.text"]
    return str(caught.value)


def test_an_event_of_whole_days_lies_on_the_clocks_of_the_calendar():
    event = "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227"
    coverage = covering(event, zone="Europe/Prague")
    assert coverage.stretch(utc(2026, 12, 23, 23)) == (True, utc(2026, 12, 26, 23))
    assert coverage.stretch(utc(2026, 12, 26, 23)) == (False, None)


def test_a_whole_day_needs_no_end():
    coverage = covering("DTSTART;VALUE=DATE:20261224")
    assert coverage.stretch(utc(2026, 12, 24)) == (True, utc(2026, 12, 25))


def test_an_event_with_a_zone_keeps_its_wall_time_when_the_clocks_change():
    event = "DTSTART;TZID=America/New_York:20260307T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3"
    coverage = covering(event)
    assert coverage.stretch(utc(2026, 3, 7, 14)) == (True, utc(2026, 3, 7, 15))
    assert coverage.stretch(utc(2026, 3, 8, 13)) == (True, utc(2026, 3, 8, 14))
    assert not coverage.covers(utc(2026, 3, 10, 13))


def test_an_event_recurs_every_year_but_for_its_exceptions():
    event = "DTSTART;VALUE=DATE:20201117\nRRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20271117"
    coverage = covering(event)
    assert coverage.covers(utc(2026, 11, 17, 12))
    assert not coverage.covers(utc(2027, 11, 17, 12))
    assert coverage.covers(utc(2090, 11, 17, 12))


def test_a_moved_occurrence_is_where_it_was_moved():
    series = "DTSTART:20260101T090000Z\nDTEND:20260101T100000Z\nRRULE:FREQ=DAILY;COUNT=3"
    definition = feed(series).replace(
        "END:VCALENDAR",
        "BEGIN:VEVENT\nUID:0\nRECURRENCE-ID:20260102T090000Z\nDTSTART:20260102T120000Z\n"
        "DTEND:20260102T130000Z\nEND:VEVENT\nEND:VCALENDAR",
    )
    calendar = Calendar(name="c", definition={"kind": "ical", "text": definition})
    assert not calendar.coverage.covers(utc(2026, 1, 2, 9, 30))
    assert calendar.coverage.covers(utc(2026, 1, 2, 12, 30))


def test_a_floating_time_is_one_of_the_calendars_zone():
    coverage = covering("DTSTART:20260701T090000\nDTEND:20260701T100000", zone="Europe/Prague")
    assert coverage.stretch(utc(2026, 7, 1, 7)) == (True, utc(2026, 7, 1, 8))


def test_what_was_cancelled_covers_nothing():
    coverage = covering("DTSTART;VALUE=DATE:20261224\nSTATUS:CANCELLED")
    assert not coverage.covers(utc(2026, 12, 24, 12))


def test_a_feed_without_events_covers_nothing():
    assert covering().stretch(utc(2026, 1, 1)) == (False, None)


def test_a_long_event_reaches_over_new_year():
    coverage = covering("DTSTART:20261230T120000Z\nDTEND:20270102T060000Z")
    start = utc(2026, 12, 30, 12)
    assert coverage.stretch(start) == (True, start + timedelta(days=2, hours=18))


@pytest.mark.parametrize("text", ["", "hello", "BEGIN:VCALENDAR", "\x01\x02", "BEGIN:VEVENT\n"])
def test_text_that_is_no_feed_is_refused(text: str):
    with pytest.raises(InvalidInput, match=r"definition\.text"):
        Calendar(name="c", definition={"kind": "ical", "text": text})


def test_a_broken_event_is_named():
    assert "event 2 (Party): DTSTART" in refusal(
        "DTSTART:20260101T000000Z", "SUMMARY:Party\nDTSTART:2026x"
    )
    assert "DTSTART is missing" in refusal("SUMMARY:Nothing")


def test_an_unknown_zone_is_named():
    assert "there is no zone 'Mars/Base'" in refusal("DTSTART;TZID=Mars/Base:20260301T090000")


def test_recurrences_within_a_day_are_refused():
    assert "SECONDLY" in refusal("DTSTART:20260101T000000Z\nRRULE:FREQ=SECONDLY")


def test_more_occurrences_than_can_be_computed_are_refused():
    seconds = ",".join(str(n) for n in range(60))
    rule = f"RRULE:FREQ=DAILY;BYHOUR=0,1,2,3,4;BYMINUTE=0,1;BYSECOND={seconds}"
    assert "more than 100000" in refusal(f"DTSTART:20260101T000000Z\n{rule}")


def test_a_text_of_more_than_a_megabyte_is_refused():
    with pytest.raises(InvalidInput, match="more than 1000000"):
        Calendar(name="c", definition={"kind": "ical", "text": "x" * 1_000_001})
