"""Retry-After, in seconds and as a date."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.retry_after import LONGEST_S, retry_after_s

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("999999999999", LONGEST_S),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thursday, 01-Jan-26 12:00:30 GMT", 30.0),
        ("Thu Jan  1 12:00:30 2026", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 11:00:00 GMT", LONGEST_S),
    ],
)
def test_it_is_read(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, date=None, now=NOW) == seconds


def test_a_date_is_compared_with_the_servers_own_present() -> None:
    """Its clock is an hour ahead."""
    date, until = "Thu, 01 Jan 2026 13:00:00 GMT", "Thu, 01 Jan 2026 13:00:20 GMT"
    assert retry_after_s(until, date=date, now=NOW) == 20.0
    assert retry_after_s(until, date="nonsense", now=NOW) == LONGEST_S


@given(st.text(), st.text())
def test_no_text_makes_more_than_the_longest(value: str, date: str) -> None:
    seconds = retry_after_s(value, date=date, now=NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_S
